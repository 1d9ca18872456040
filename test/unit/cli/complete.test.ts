import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { complete } from '../../../src/cli/complete.ts';
import type { Names } from '../../../src/cli/completion-names.ts';

const SHORTCUTS = ['latest', 'oldest', 'latest-full', 'last-failed'];

/** Words offered behind `barman WORDS`, the configurations that were asked. */
async function offered(...words: string[]): Promise<{ words: string[]; configs: (string | undefined)[] }> {
  const configs: (string | undefined)[] = [];
  const open = (config: string | undefined): Names => ({
    servers: async () => (configs.push(config), ['main', 'my server', 'other']),
    backups: async (server) => (configs.push(config), [`${server}-2`, `${server}-1`]),
  });
  return { words: (await complete(words, open)).map(({ word }) => word), configs };
}

describe('completion', () => {
  it('offers every command once, and an alias where no name begins so', async () => {
    expect((await offered('')).words).toEqual(COMMANDS.map(({ name }) => name));
    expect((await offered('rec')).words).toEqual(['receive-wal']);
    expect((await offered('reco')).words).toEqual(['recover']);
  });

  it.each([
    [
      ['list-backups', ''],
      ['main', 'my server', 'other', 'all'],
    ],
    [
      ['list-backups', 'main', ''],
      ['my server', 'other'],
    ],
    [['list-backups', 'all', ''], []],
    [
      ['list-backups', 'm'],
      ['main', 'my server'],
    ],
    [
      ['show-backup', ''],
      ['main', 'my server', 'other'],
    ],
    [
      ['show-backup', 'main', ''],
      ['main-2', 'main-1', ...SHORTCUTS],
    ],
    [
      ['restore', 'main', ''],
      ['main-2', 'main-1', ...SHORTCUTS, 'auto'],
    ],
    [['restore', 'main', 'latest', ''], [':directories']],
    [['show-backup', 'main', 'latest', ''], []],
    [
      ['restore', '--target-time', 'x y', 'main', 'main-'],
      ['main-2', 'main-1'],
    ],
    [
      ['backup', 'main', '--incremental', ''],
      ['main-2', 'main-1', ...SHORTCUTS],
    ],
    [['backup', '-j3', 'o'], ['other']],
    [['server', 'check', 'o'], ['other']],
    [
      ['keep', '--target', ''],
      ['full', 'standalone'],
    ],
    [['keep', '--target=s'], ['--target=standalone']],
    [
      ['keep', '--target', '='],
      ['full', 'standalone'],
    ],
    [['keep', '--target', '=', 's'], ['standalone']],
    [['keep', '--t'], ['--target']],
    [
      ['-f', ''],
      ['console', 'json'],
    ],
    [
      ['list-servers', '-qf', ''],
      ['console', 'json'],
    ],
    [['-c', ''], [':files']],
    [['--co'], ['--config', '--color', '--colour']],
    [
      ['list-servers', '--'],
      ['--minimal', '--config', '--color', '--colour', '--log-level', '--quiet', '--debug', '--format', '--help'],
    ],
    [['get-wal', '-o', ''], [':directories']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['nosuch', ''], []],
    [['cron', ''], []],
    [['backup', '--', '-'], []],
  ])('%j', async (typed, expected) => {
    expect((await offered(...typed)).words).toEqual(expected);
  });

  it.each([
    [['-c', '/a', 'check', '']],
    [['--config=/a', 'check', '']],
    [['check', '-c', '/a', '']],
    [['check', '-c/a', '']],
    [['-c', '/b', 'show-backup', 'main', '--config', '/a', '']],
  ])('%j asks the configuration of -c', async (typed) => {
    expect((await offered(...typed)).configs).toEqual(['/a']);
  });

  it('asks no configuration for what needs none', async () => {
    expect((await offered('keep', '--target', '')).configs).toEqual([]);
    expect((await offered('')).configs).toEqual([]);
  });
});
