import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { parseCommandLine } from '../../../src/cli/program.ts';
import { UsageError, usageErrorText } from '../../../src/cli/usage-error.ts';
import { globalsBehind } from '../../../src/cli/words.ts';

function options(...argv: string[]): unknown {
  const invocation = parseCommandLine(argv);
  if (invocation.kind !== 'run') throw new Error(`not a run: ${invocation.kind}`);
  return { command: invocation.command?.name, ...invocation.options };
}

function refusal(...argv: string[]): string {
  try {
    parseCommandLine(argv);
  } catch (error) {
    if (error instanceof UsageError) return usageErrorText(error).split('\n')[1] ?? '';
    throw error;
  }
  throw new Error('was accepted');
}

describe('command line', () => {
  it.each([
    [['list-servers'], { command: 'list-servers' }],
    [['list-server', '--minimal'], { command: 'list-servers', minimal: true }],
    [['list-servers', '--min'], { command: 'list-servers', minimal: true }],
    [['backup', 'b', '--wait', 'a'], { command: 'backup', wait: true, serverNames: ['b', 'a'] }],
    [
      ['backup', '-w', '--name', 'x y', '--', 'main'],
      { command: 'backup', wait: true, name: 'x y', serverNames: ['main'] },
    ],
    [['backup', '--name=one', '--name=two', 'm'], { command: 'backup', name: 'two', serverNames: ['m'] }],
    [['backup', '--reuse-backup', '--', 'm'], { command: 'backup', reuseBackup: 'link', serverNames: ['m'] }],
    [['backup', '--reuse-backup', 'copy', 'm'], { command: 'backup', reuseBackup: 'copy', serverNames: ['m'] }],
    [['backup', '-j3', 'm'], { command: 'backup', jobs: 3, serverNames: ['m'] }],
    [['backup', '--no-retry', 'm'], { command: 'backup', noRetry: true, serverNames: ['m'] }],
    [
      ['backup', '--immediate-checkpoint', '--no-immediate-checkpoint', 'm'],
      { command: 'backup', immediateCheckpoint: false, serverNames: ['m'] },
    ],
    [
      ['recover', 'm', 'latest', '/d', '--tablespace', 'a:/x', '--tablespace=b:/y', '--no-get-wal'],
      {
        command: 'restore',
        serverName: 'm',
        backupId: 'latest',
        destinationDirectory: '/d',
        tablespace: ['a:/x', 'b:/y'],
        getWal: false,
      },
    ],
    [['get-wal', '-x', 'm', 'w'], { command: 'get-wal', gzip: true, serverName: 'm', walName: 'w' }],
    [['-q', '-d', 'show-backup', 'm', 'oldest'], { command: 'show-backup', serverName: 'm', backupId: 'oldest' }],
    [['--', 'status', 'm'], { command: 'status', serverNames: ['m'] }],
  ])('%j', (argv, expected) => {
    expect(options(...argv)).toEqual(expected);
  });

  it('reads global options before the command', () => {
    const invocation = parseCommandLine(['-qdfjson', '--conf', '/c', '--colour=always', '--log-level', 'INFO', 'cron']);
    expect(invocation).toMatchObject({
      globals: { config: '/c', color: 'always', logLevel: 'INFO', quiet: true, debug: true, format: 'json' },
    });
  });

  it.each([
    [
      ['nosuch'],
      /^barman: error: argument command: invalid choice: 'nosuch' \(choose from 'help', 'list-servers', 'list-server', /,
    ],
    [['backup'], /^barman backup: error: the following arguments are required: server_name$/],
    [
      ['recover', 'm'],
      /^barman restore: error: the following arguments are required: backup_id, destination_directory$/,
    ],
    [['list-servers', '--nope'], /^barman: error: unrecognized arguments: --nope$/],
    [['list-servers', 'extra', '--nope', 'm'], /^barman: error: unrecognized arguments: extra --nope m$/],
    [['list-backups', 'm', '--format=yaml'], /^barman: error: unrecognized arguments: --format=yaml$/],
    [['list-servers', '--nope', '-q'], /^barman: error: unrecognized arguments: --nope -q$/],
    [['list-servers', '--version'], /^barman: error: unrecognized arguments: --version$/],
    [['list-backups', '-c', '/f'], /^barman: error: unrecognized arguments: -c$/],
    [['list-servers', '--form', 'json'], /^barman: error: unrecognized arguments: --form json$/],
    [['server'], /^barman: error: argument command: invalid choice: 'server' /],
    [['server', 'explode', 'm'], /^barman: error: argument command: invalid choice: 'server' /],
    [['server', 'constructor', 'm'], /^barman: error: argument command: invalid choice: 'server' /],
    [['server', 'recover', 'm'], /^barman restore: error: the following arguments are required: backup_id, dest/],
    [
      ['completion', 'tcsh'],
      /^barman completion: error: argument shell: invalid choice: 'tcsh' \(choose from 'bash', /,
    ],
    [['backup', '-j', 'x', 'm'], /^barman backup: error: argument --jobs\/-j: 'x' is not a valid input$/],
    [
      ['backup', '--check-timeout', '-1', 'm'],
      /^barman backup: error: argument --check-timeout: '-1' is not a valid non negative integer$/,
    ],
    [
      ['backup', '--name', '20260101T000000', 'm'],
      /argument --name: Backup name '20260101T000000' is not allowed: backup ID$/,
    ],
    [['backup', '--name', 'latest', 'm'], /argument --name: Backup name 'latest' is not allowed: reserved word$/],
    [
      ['keep', 'm', 'b', '--target', 'foo'],
      /argument --target: invalid choice: 'foo' \(choose from 'full', 'standalone'\)$/,
    ],
    [['-c'], /^barman: error: argument -c\/--config: expected one argument$/],
    [['--col=never'], /^barman: error: ambiguous option: --col=never could match --color, --colour$/],
  ])('refuses %j', (argv, expected) => {
    expect(refusal(...argv)).toMatch(expected);
  });

  it.each([
    [['list'], ['list-servers']],
    [
      ['list', '--minimal'],
      ['list-servers', '--minimal'],
    ],
    [['server', 'list'], ['list-servers']],
    [
      ['server', 'list', '-q'],
      ['-q', 'list-servers'],
    ],
    [
      ['server', 'list', 'm'],
      ['list-backups', 'm'],
    ],
    [
      ['server', 'show', 'm'],
      ['show-servers', 'm'],
    ],
    [
      ['-q', 'server', 'check', 'm', '--nagios'],
      ['-q', 'check', 'm', '--nagios'],
    ],
    [
      ['server', 'recover', 'm', 'latest', '/d'],
      ['restore', 'm', 'latest', '/d'],
    ],
    [
      ['list-backup', 'm', '--format=json'],
      ['-f', 'json', 'list-backup', 'm'],
    ],
    [
      ['-f', 'console', 'check', '-qf', 'json', 'm', '-c', '/c', '-d', '--colour', 'never'],
      ['-f', 'json', '-q', '-c', '/c', '-d', '--color=never', 'check', 'm'],
    ],
    [
      ['get-wal', 'm', 'w', '-P', '--log-level', 'ERROR'],
      ['--log-level', 'ERROR', 'get-wal', '-P', 'm', 'w'],
    ],
  ])('reads %j as %j', (typed, meant) => {
    expect(parseCommandLine(typed)).toEqual(parseCommandLine(meant));
  });

  it('takes what stands behind a real command for what it says there', () => {
    expect(options('backup', 'show', 'm')).toEqual({ command: 'backup', serverNames: ['show', 'm'] });
    expect(options('show-backup', 'list', 'server')).toEqual({
      command: 'show-backup',
      serverName: 'list',
      backupId: 'server',
    });
    expect(options('backup', 'm', '--', '-q')).toEqual({ command: 'backup', serverNames: ['m', '-q'] });
  });

  it('lets the option of the command win over its global namesake', () => {
    const command = { ...COMMANDS[0]!, options: [{ flags: '-c, --colour <N>', help: '' }] };
    expect(globalsBehind(command).map(({ flags }) => flags)).toEqual([
      '--config <FILE>',
      '--color <WHEN>',
      '--log-level <LEVEL>',
      '-q, --quiet',
      '-d, --debug',
      '-f, --format <FORMAT>',
    ]);
  });

  it.each([
    ['lst-servers', 'did you mean "barman list-servers"?'],
    ['recovr', 'did you mean "barman recover"?'],
    ['wal', 'type "barman --help" for the list of commands'],
  ])('has a hint for %s on a terminal only', (typed, hint) => {
    try {
      parseCommandLine([typed]);
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      expect(usageErrorText(error, { withHint: true })).toBe(`${usageErrorText(error)}HINT: ${hint}\n`);
    }
  });

  it('knows help and version anywhere they may stand', () => {
    expect(parseCommandLine(['--help']).kind).toBe('help');
    expect(parseCommandLine(['-q', '--version']).kind).toBe('version');
    expect(parseCommandLine(['backup', '-h'])).toMatchObject({ kind: 'help', command: { name: 'backup' } });
  });
});
