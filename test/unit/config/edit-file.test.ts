/** One option changed, the rest of the file as it was. */
import { describe, expect, it } from 'vitest';
import { withOption } from '../../../src/config/edit-file.ts';
import { parseIni } from '../../../src/config/ini.ts';

const edit = (text: string, section: string, key: string, value: string) =>
  withOption(text, section, key, value, '/etc/barman.conf');

describe('withOption', () => {
  it.each([
    ['an empty file', '', '[a]\nx = 1\n'],
    ['a file without a last newline', '[b]\ny = 2', '[b]\ny = 2\n[a]\nx = 1\n'],
    ['a header at the end of the file', '[a]', '[a]\nx = 1\n'],
    ['a section followed by another without a blank', '[a]\ny = 2\n[b]\nx = 3\n', '[a]\ny = 2\nx = 1\n[b]\nx = 3\n'],
    ['blanks and remarks between', '[a]\ny = 2\n\n# next\n[b]\n', '[a]\ny = 2\nx = 1\n\n# next\n[b]\n'],
    ['an old value', '[a]\n; why\nx = 0\ny = 2\n', '[a]\n; why\nx = 1\ny = 2\n'],
    ['another spelling', '[a]\n X:0\ny = 2\n', '[a]\n x = 1\ny = 2\n'],
    ['a value of several lines', '[a]\nx = 0\n  0\n\n  0\ny = 2\n', '[a]\nx = 1\ny = 2\n'],
    ['a continued value before it', '[a]\ny = 2\n  3\n', '[a]\ny = 2\n  3\nx = 1\n'],
    ['indented options', '[a]\n  y = 2\n  [b]\n  z = 1\n', '[a]\n  y = 2\n  x = 1\n  [b]\n  z = 1\n'],
    ['a section in two blocks', '[a]\nx = 0\n[b]\n[a]\ny = 2\n', '[a]\nx = 1\n[b]\n[a]\ny = 2\n'],
    ['the same option twice', '[a]\nx = 0\n[a]\nx = 5\n', '[a]\nx = 0\n[a]\nx = 1\n'],
    ['a name that only begins like it', '[a]\nxx = 0\n', '[a]\nxx = 0\nx = 1\n'],
    ['carriage returns', '[a]\r\ny = 2\r\n', '[a]\r\ny = 2\r\nx = 1\n'],
  ])('%s', (_, text, expected) => {
    expect(edit(text, 'a', 'x', '1')).toBe(expected);
    expect(parseIni(expected, 'f').get('a')?.get('x')?.text).toBe('1');
  });

  it.each(['1\n[b]\ny = 2', '1\ny = 2', '1\ry = 2', '1\n  more'])(
    'refuses a value that would be more than one: %j',
    (value) => {
      expect(() => edit('[a]\n', 'a', 'x', value)).toThrow(
        /cannot be written there without changing others|parsing errors/,
      );
    },
  );

  it('refuses a file that is no configuration', () => {
    expect(() => edit('nonsense\n', 'a', 'x', '1')).toThrow('no section headers');
  });
});
