import { describe, expect, it } from 'vitest';
import { parseIni } from '../../../src/config/ini.ts';

const read = (text: string) =>
  Object.fromEntries([...parseIni(text, 'FILE')].map(([name, values]) => [name, Object.fromEntries(values)]));

describe('parseIni', () => {
  it.each([
    ['text behind a header', "[pg] # It's a name\na = 1\n", { pg: { a: '1' } }],
    ['the last bracket ends a header', '[x] [y]\n', { 'x] [y': {} }],
    ['blanks inside a header', '[ a b ]\n', { ' a b ': {} }],
    ['both delimiters, the first one splits', '[s]\nA = b=c:d\nE: f=g\n', { s: { a: 'b=c:d', e: 'f=g' } }],
    ['tabs around the delimiter', '[s]\na\t=\t1\n', { s: { a: '1' } }],
    ['whole-line comments only', '[s]\n# x\n  ; y\na = 1 # z ; w\n', { s: { a: '1 # z ; w' } }],
    [
      'continuation lines, comments dropped',
      '[s]\na = 1\n  2\n  # no\n\n  3\n\nb = 4\n',
      { s: { a: '1\n2\n\n3', b: '4' } },
    ],
    ['the last of two keys and sections wins', '[s]\na=1\na=2\n[t]\n[s]\na=3\nb=4\n', { s: { a: '3', b: '4' }, t: {} }],
    ['carriage returns', '[s]\r\na = 1\r\n', { s: { a: '1' } }],
    ['[DEFAULT] is copied into every section', '[DEFAULT]\nx = 1\n[s]\n[t]\nx = 2\n', { s: { x: '1' }, t: { x: '2' } }],
    [
      '%(key)s of the same section',
      '[s]\nhost = h\na = %(HOST)s/%(b)s\nb = %(host)s\n',
      { s: { host: 'h', a: 'h/h', b: 'h' } },
    ],
    ['four percent signs leave two for the second resolution', '[s]\na = 50%%%% done\n', { s: { a: '50%% done' } }],
    ['quotes stay', `[s]\na = "x"\n`, { s: { a: '"x"' } }],
    ['no final newline', '[s]\na = 1', { s: { a: '1' } }],
  ])('%s', (_, text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it.each([
    ['x = 1\n', "File contains no section headers.\nfile: 'FILE', line: 1\n'x = 1\\n'"],
    ['\ufeff[s]\n', "File contains no section headers.\nfile: 'FILE', line: 1\n'\\ufeff[s]\\n'"],
    ['[barman\n', "File contains no section headers.\nfile: 'FILE', line: 1\n'[barman\\n'"],
    ['[s]\nconninfo\n', "Source contains parsing errors: 'FILE'\n\t[line  2]: 'conninfo\\n'"],
    [
      '[s]\n= x\n  more\nbaz',
      "Source contains parsing errors: 'FILE'\n\t[line  2]: '= x\\n'\n\t[line  3]: '  more\\n'\n\t[line  4]: 'baz'",
    ],
    [
      '[a]\nconninfo = host=%(name)s port=5\n',
      "Bad value substitution: option 'conninfo' in section 'a' contains an interpolation key 'name' which is not a valid option name. Raw value: 'host=%(name)s port=5'",
    ],
    ['[s]\na = a%b\n', "'%' must be followed by '%' or '(', found: '%b'"],
    ['[s]\na = %(b\n', "bad interpolation variable reference '%(b'"],
    ['[s]\na = 50%% done\n', "invalid interpolation syntax in '50% done' at position 2"],
    [
      '[s]\na = %(b)s\nb = %(a)s\n',
      "Recursion limit exceeded in value substitution: option 'a' in section 's' contains an interpolation key which cannot be substituted in 10 steps. Raw value: '%(b)s'",
    ],
  ])('refuses %j', (text, message) => {
    expect(() => parseIni(text, 'FILE')).toThrow(
      expect.objectContaining({ name: 'ConfigError', message, level: 'exception', exitCode: 1 }) as Error,
    );
  });
});
