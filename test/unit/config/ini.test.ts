import { describe, expect, it } from 'vitest';
import { parseIni } from '../../../src/config/ini.ts';

const read = (text: string) =>
  Object.fromEntries(
    [...parseIni(text, 'FILE')].map(([name, values]) => [
      name,
      Object.fromEntries([...values].map(([key, value]) => [key, value.text])),
    ]),
  );

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
    ['x = 1\n', "File contains no section headers.\nfile: 'FILE', line: 1"],
    ['\ufeff[s]\n', "File contains no section headers.\nfile: 'FILE', line: 1"],
    ['[barman\n', "File contains no section headers.\nfile: 'FILE', line: 1"],
    ['[s]\nconninfo\n', "Source contains parsing errors: 'FILE'\n\t[line  2]"],
    ['[s]\n= x\n  more\nbaz', "Source contains parsing errors: 'FILE'\n\t[line  2]\n\t[line  3]\n\t[line  4]"],
    [
      '[a]\nconninfo = host=%(name)s port=5\n',
      "Bad value substitution: option 'conninfo' in section 'a' (FILE, line 2) contains an interpolation key which is not a valid option name",
    ],
    ['[s]\na = a%b\n', "'%' must be followed by '%' or '(': option 'a' in section 's' (FILE, line 2)"],
    ['[s]\na = %(b\n', "bad interpolation variable reference: option 'a' in section 's' (FILE, line 2)"],
    ['[s]\na = 50%% done\n', "invalid interpolation syntax at position 2: option 'a' in section 's' (FILE, line 2)"],
    [
      '[s]\na = %(b)s\nb = %(a)s\n',
      "Recursion limit exceeded in value substitution: option 'a' in section 's' (FILE, line 2) cannot be substituted in 10 steps",
    ],
  ])('refuses %j', (text, message) => {
    expect(() => parseIni(text, 'FILE')).toThrow(
      expect.objectContaining({ name: 'ConfigError', message, level: 'exception', exitCode: 1 }) as Error,
    );
  });

  it('tells the line of each value, those of [DEFAULT] included', () => {
    const values = parseIni('[DEFAULT]\nx = 1\n\n[s]\n# no\ny = 2\n  3\nz = 4\n', 'FILE').get('s');
    expect([...(values ?? [])].map(([key, { line }]) => [key, line])).toEqual([
      ['x', 2],
      ['y', 6],
      ['z', 8],
    ]);
  });

  it('says how a percent sign is written', () => {
    expect(() => parseIni('[s]\na = a%b\n', 'FILE')).toThrow(
      expect.objectContaining({ hint: 'write each percent sign of a value four times: %%%%' }) as Error,
    );
  });
});
