import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  backupHookVariables,
  hasHooks,
  recoveryHookVariables,
  type RetryPace,
  runHooks,
  walHookVariables,
} from '../../../src/host/hooks.ts';
import { loadConfig, readMainFile } from '../../../src/config/load.ts';
import type { ServerConfig } from '../../../src/config/options.ts';
import { emptyBackupInfo } from '../../../src/domain/backup/backup-info.ts';
import { HookAbortError } from '../../../src/domain/errors.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'barman-hooks-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const FAST: RetryPace = { pauseMs: 5, runsInARow: 2, longPauseMs: 10 };

async function server(options: string): Promise<ServerConfig> {
  const path = join(folder, 'barman.conf');
  await writeFile(path, `[barman]\nbarman_home = ${folder}\n[pg]\nconninfo = host=x\n${options}\n`);
  const config = loadConfig(readMainFile({ path, env: {} })).servers.get('pg');
  if (!config) throw new Error('no server');
  return config;
}

function context(env: NodeJS.ProcessEnv = {}) {
  const lines: string[] = [];
  const at = (level: string) => (text: string) => void lines.push(`${level} ${text}`);
  const log = { debug: () => {}, info: at('info'), warning: at('warning'), error: at('error') };
  const abort = new AbortController();
  return {
    lines,
    abort,
    ctx: {
      configuration: { path: '/etc/barman.conf' },
      env: { ...process.env, OUT: join(folder, 'out'), ...env },
      log: { named: () => log },
      signal: abort.signal,
    },
  };
}

const out = async () => (await readFile(join(folder, 'out'), 'utf8')).trimEnd().split('\n');

describe('runHooks', () => {
  it('runs pre: script, retry script; post: retry script, script', async () => {
    const options = ['pre_backup_script', 'pre_backup_retry_script', 'post_backup_script', 'post_backup_retry_script'];
    const config = await server(
      options.map((name) => `${name} = echo $BARMAN_PHASE $BARMAN_HOOK $BARMAN_RETRY >> $OUT`).join('\n'),
    );
    const { ctx } = context();
    await runHooks(ctx, config, 'backup', 'pre', {});
    await runHooks(ctx, config, 'backup', 'post', {});
    expect(await out()).toEqual([
      'pre backup_script 0',
      'pre backup_retry_script 1',
      'post backup_retry_script 1',
      'post backup_script 0',
    ]);
    expect(hasHooks(config, 'backup')).toBe(true);
    expect(hasHooks(config, 'archive')).toBe(false);
  });

  it('gives every script the common variables, none of our secrets, and a closed stdin', async () => {
    const config = await server(
      'path_prefix = /opt/tools\npre_delete_script = cat; env | grep -E "^(BARMAN_|PGP|PATH)" | sort >> $OUT',
    );
    // What tells the tests where things are is none of the variables of a hook.
    const ours = Object.keys(process.env).filter((name) => name.startsWith('BARMAN_'));
    const without = Object.fromEntries(ours.map((name) => [name, undefined]));
    const { ctx } = context({ ...without, PGPASSWORD: 'hunter2', PATH: '/usr/bin:/bin' });
    await runHooks(ctx, config, 'delete', 'pre', {
      BARMAN_ERROR: 'no way in with password=hunter2',
      BARMAN_BACKUP_ID: '1',
    });
    expect(await out()).toEqual([
      'BARMAN_BACKUP_ID=1',
      'BARMAN_CONFIGURATION=/etc/barman.conf',
      'BARMAN_ERROR=no way in with password=*REDACTED*',
      'BARMAN_HOOK=delete_script',
      'BARMAN_PHASE=pre',
      'BARMAN_RETRY=0',
      'BARMAN_SERVER=pg',
      'BARMAN_VERSION=3.20.1',
      'PATH=/opt/tools:/usr/bin:/bin',
    ]);
  });

  it('does not mind what a one-shot script ends with; its output is in the log', async () => {
    const config = await server('pre_backup_script = echo some; echo more >&2; exit 63');
    const { ctx, lines } = context();
    await runHooks(ctx, config, 'backup', 'pre', {});
    expect(lines).toEqual(['warning echo some; echo more >&2; exit 63 returned 63\nOutput details:\nsome\nmore\n']);
  });

  it('repeats a retry script until it ends with 0, pausing longer after some runs', async () => {
    const config = await server('pre_backup_retry_script = echo run >> $OUT; test `wc -l < $OUT` -ge 5');
    const { ctx, lines } = context();
    await runHooks(ctx, config, 'backup', 'pre', {}, FAST);
    expect(await out()).toHaveLength(5);
    expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(2);
  });

  it('goes on after 62', async () => {
    const config = await server('pre_backup_retry_script = exit 62');
    const { ctx, lines } = context();
    await runHooks(ctx, config, 'backup', 'pre', {}, FAST);
    expect(lines.at(-1)).toBe('warning exit 62 was aborted (got exit status 62, Barman resumes)');
  });

  it('stops the operation at 63 before it, and only logs it after it', async () => {
    const config = await server('pre_backup_retry_script = exit 63\npost_backup_retry_script = exit 63');
    const { ctx, lines } = context();
    const stopped = runHooks(ctx, config, 'backup', 'pre', {}, FAST);
    await expect(stopped).rejects.toThrow(HookAbortError);
    await expect(stopped).rejects.toThrow("Abort 'pre_backup_retry_script' retry hook script (exit 63, exit code: 63)");
    await runHooks(ctx, config, 'backup', 'post', {}, FAST);
    expect(lines.at(-1)).toBe(
      'warning Ignoring stop request after receiving abort (exit code 63) from post-backup retry hook script: exit 63',
    );
  });

  it('leaves a pause and a running script when it is aborted', async () => {
    const waiting = await server('pre_backup_retry_script = exit 1');
    const first = context();
    setTimeout(() => first.abort.abort('SIGTERM'), 60);
    await expect(runHooks(first.ctx, waiting, 'backup', 'pre', {}, { ...FAST, pauseMs: 60_000 })).rejects.toBe(
      'SIGTERM',
    );
    const running = await server('pre_backup_script = exec sleep 60');
    const second = context();
    setTimeout(() => second.abort.abort('SIGINT'), 60);
    await expect(runHooks(second.ctx, running, 'backup', 'pre', {})).rejects.toBe('SIGINT');
  });
});

describe('variables', () => {
  it('of a backup name its completed neighbours', () => {
    const backup = (backupId: string, status: 'DONE' | 'FAILED' | 'WAITING_FOR_WALS') => ({
      ...emptyBackupInfo(backupId),
      status,
    });
    const all = [
      backup('20260101T000000', 'WAITING_FOR_WALS'),
      backup('20260102T000000', 'FAILED'),
      { ...backup('20260103T000000', 'FAILED'), error: 'disk full' },
      backup('20260104T000000', 'FAILED'),
      backup('20260105T000000', 'DONE'),
    ];
    const paths = { backupDirectory: '/base/20260103T000000', infoFile: '/meta/20260103T000000-backup.info' };
    expect(backupHookVariables(all[2] ?? emptyBackupInfo(''), paths, all)).toEqual({
      BARMAN_BACKUP_DIR: '/base/20260103T000000',
      BARMAN_BACKUP_INFO_PATH: '/meta/20260103T000000-backup.info',
      BARMAN_BACKUP_ID: '20260103T000000',
      BARMAN_PREVIOUS_ID: '20260101T000000',
      BARMAN_NEXT_ID: '20260105T000000',
      BARMAN_STATUS: 'FAILED',
      BARMAN_ERROR: 'disk full',
    });
  });

  it('of a WAL file print its time as xlog.db does', () => {
    const record = { name: 'W', size: 7, time: 1795228707, compression: null, encryption: null };
    expect(walHookVariables(record, '/f')).toEqual({
      BARMAN_SEGMENT: 'W',
      BARMAN_FILE: '/f',
      BARMAN_SIZE: '7',
      BARMAN_TIMESTAMP: '1795228707.0',
      BARMAN_COMPRESSION: '',
      BARMAN_ERROR: '',
    });
    expect(walHookVariables({ ...record, time: 1795228386.2621796, compression: 'gzip' }, '/f')).toMatchObject({
      BARMAN_TIMESTAMP: '1795228386.2621796',
      BARMAN_COMPRESSION: 'gzip',
    });
  });

  it('of a recovery are JSON with sorted keys, without what is not set', () => {
    const facts = { destination: '/d', tablespaces: { b: '/é', a: '/2' }, remoteCommand: null, error: null };
    expect(
      recoveryHookVariables({ ...facts, options: { target_time: 'now', exclusive: false, target_tli: 2 } }),
    ).toEqual({
      BARMAN_DESTINATION_DIRECTORY: '/d',
      BARMAN_TABLESPACES: '{"a": "/2", "b": "/\\u00e9"}',
      BARMAN_REMOTE_COMMAND: '',
      BARMAN_RECOVER_OPTIONS: '{"target_time": "now", "target_tli": 2}',
      BARMAN_ERROR: '',
    });
    expect(recoveryHookVariables({ ...facts, tablespaces: {}, options: {} })).toMatchObject({
      BARMAN_TABLESPACES: '',
      BARMAN_RECOVER_OPTIONS: '',
    });
  });
});

describe('a script that leaves a process behind with its output', () => {
  it.each(['pre_backup_script', 'pre_backup_retry_script', 'post_backup_script', 'post_backup_retry_script'])(
    '%s is not waited for longer than the script itself, and its words are in the log',
    async (option) => {
      const isRetry = option.endsWith('_retry_script');
      const config = await server(`${option} = echo words; sleep 600 & echo $! >$OUT; exit ${isRetry ? 62 : 3}`);
      const { ctx, lines } = context();
      await runHooks(ctx, config, 'backup', option.startsWith('pre') ? 'pre' : 'post', {}, FAST);
      const pid = Number((await out())[0]);
      process.kill(pid, 'SIGKILL');
      expect(lines[0]).toMatch(/^warning .* returned \d+\nOutput details:\nwords\n$/s);
    },
  );
});

it('of a script that prints without end the log gets the last part', async () => {
  const config = await server('pre_backup_script = yes | head -c 5000000; echo last; exit 1');
  const { ctx, lines } = context();
  await runHooks(ctx, config, 'backup', 'pre', {});
  expect(lines[0]?.endsWith('y\nlast\n')).toBe(true);
  expect(lines[0]?.length).toBeLessThan(1_500_000);
});
