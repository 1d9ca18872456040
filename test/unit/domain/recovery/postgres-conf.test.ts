import { describe, expect, it } from 'vitest';
import { appendSettings, dangerousSettings, mangleSettings } from '../../../../src/domain/recovery/postgres-conf.ts';

describe('mangleSettings', () => {
  it('comments out what could lose data, and nothing else', () => {
    const text = [
      "archive_command='x'",
      "archive_command 'y'",
      'archive_command',
      'archive_command=    # c',
      "\tarchive_command\t=\t'tab'  ",
      'archive_commandx = 1',
      "#archive_command = 'c'",
      "recovery_target   =   'immediate'",
      'recovery_target_timelinefoo = 1',
      '  recovery_target_action=promote',
      "restore_command = 'zz'",
      "recovery_end_command = 'rm'",
      "archive_library = 'foo'",
      "include 'foo.conf'",
      "recovery_target_name = 'crlf'\r",
      'recovery_target_xid = 5',
    ].join('\n');
    const mangled = mangleSettings('f', text);
    expect(mangled.text.split('\n')).toEqual([
      "#BARMAN#archive_command='x'",
      'archive_command = false',
      "#BARMAN#archive_command 'y'",
      'archive_command = false',
      '#BARMAN#archive_command',
      'archive_command = false',
      '#BARMAN#archive_command=    # c',
      'archive_command = false',
      "#BARMAN#\tarchive_command\t=\t'tab'  ",
      'archive_command = false',
      'archive_commandx = 1',
      "#archive_command = 'c'",
      "#BARMAN#recovery_target   =   'immediate'",
      'recovery_target_timelinefoo = 1',
      '#BARMAN#  recovery_target_action=promote',
      "restore_command = 'zz'",
      "recovery_end_command = 'rm'",
      "archive_library = 'foo'",
      "include 'foo.conf'",
      "#BARMAN#recovery_target_name = 'crlf'\r",
      '#BARMAN#recovery_target_xid = 5',
    ]);
    expect(mangled.changes.map(({ line, key, value }) => [line, key, value])).toEqual([
      [0, 'archive_command', 'false'],
      [1, 'archive_command', 'false'],
      [2, 'archive_command', 'false'],
      [3, 'archive_command', 'false'],
      [4, 'archive_command', 'false'],
      [7, 'recovery_target', null],
      [9, 'recovery_target_action', null],
      [14, 'recovery_target_name', null],
      [15, 'recovery_target_xid', null],
    ]);
  });

  it('sees a name in any case, as PostgreSQL does (Barman 3.20.1 leaves the archive of the original in use)', () => {
    expect(mangleSettings('f', "ARCHIVE_Command = 'cp %p /archive/%f'\n")).toEqual({
      text: "#BARMAN#ARCHIVE_Command = 'cp %p /archive/%f'\narchive_command = false\n",
      changes: [{ file: 'f', line: 0, key: 'archive_command', value: 'false' }],
    });
  });
});

describe('dangerousSettings', () => {
  it('reports raw values with the lines of the text it is given', () => {
    const text =
      "a = 1\ndata_directory = 'x y' # comment\ninclude 'foo.conf'\n ssl_cert_file=x\n\"hba_file\" = 'x'\nident_file=\nconfig_file = \"crlf\"\r\nhba_file = 2";
    expect(dangerousSettings('f', text).map(({ line, key, value }) => [line, key, value])).toEqual([
      [1, 'data_directory', "'x y' # comment"],
      [2, 'include', "'foo.conf'"],
      [3, 'ssl_cert_file', 'x'],
      [5, 'ident_file', ''],
      [6, 'config_file', '"crlf"'],
      [7, 'hba_file', '2'],
    ]);
  });
});

describe('appendSettings', () => {
  it.each([
    ['', ['a', 'b'], 'a\nb\n'],
    ['x = 1\n', ['a'], 'x = 1\n\na\n'],
    ['x = 1', ['a'], 'x = 1\na\n'],
    ['x = 1', [], 'x = 1'],
  ])('%j + %j', (text, lines, expected) => {
    expect(appendSettings(text, lines)).toBe(expected);
  });
});
