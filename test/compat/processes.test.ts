/** list-processes, terminate-process and lock-directory-cleanup beside the reference, with real holders of locks. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockHolder } from '../../src/host/lock.ts';
import { eventually } from '../support/eventually.ts';
import { makeSandbox, referenceFolder, type Sandbox } from '../support/sandbox.ts';

const section = (name: string) =>
  `[${name}]\nconninfo = host=127.0.0.1 port=1\nstreaming_conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n`;

describe.skipIf(referenceFolder === undefined)('the processes of a server beside the reference', () => {
  let box: Sandbox;
  const holders: ChildProcess[] = [];

  beforeEach(async () => {
    box = await makeSandbox();
    await box.writeConfig(section('pg') + section('other'), 'lock_directory_cleanup = off');
  });
  afterEach(async () => {
    for (const holder of holders.splice(0)) holder.kill('SIGKILL');
    await box.dispose();
  });

  /** Holds a lock as a program of either make does, and ends at SIGINT. */
  async function hold(lock: string, onInterrupt = 'exit'): Promise<number> {
    const path = join(box.home, lock);
    const script = `trap "${onInterrupt}" INT; exec 9>"$1"; flock 9; echo $$ >"$1"; while :; do sleep 0.05; done`;
    const child = spawn('bash', ['-c', script, 'bash', path], { stdio: 'ignore' });
    holders.push(child);
    await eventually('the lock is held', async () => (await lockHolder(path))?.pid === child.pid);
    return child.pid ?? 0;
  }

  it('lists what holds a lock', async () => {
    const pids = [await hold('.pg-receive-wal.lock'), await hold('.pg-backup.lock')];
    await hold('.other-cron.lock');
    await writeFile(join(box.home, '.pg-archive-wal.lock'), '1\n');
    for (const args of [
      ['list-processes', 'pg'],
      ['-f', 'json', 'list-process', 'pg'],
      ['-q', 'list-processes', 'pg'],
      ['list-processes', 'nosuch'],
      ['list-processes', 'all'],
    ]) {
      expect(sorted(await box.barman(args))).toEqual(sorted(await box.reference(args)));
    }
    const { stdout } = await box.barman(['list-processes', 'pg']);
    expect(stdout.trimEnd().split('\n').slice(1).sort()).toEqual(
      [`${pids[0]} receive-wal`, `${pids[1]} backup`].sort(),
    );
  });

  it.each(['barman', 'reference'] as const)('ends it (%s)', async (program) => {
    const pid = await hold('.pg-receive-wal.lock');
    await hold('.pg-backup.lock');
    expect(await box[program](['terminate-process', 'pg', 'receive-wal'])).toEqual({
      code: 0,
      stdout: `Stopped process receive-wal(${pid})\n`,
      stderr: '',
    });
    expect(await lockHolder(join(box.home, '.pg-receive-wal.lock'))).toBeUndefined();
    expect(await lockHolder(join(box.home, '.pg-backup.lock'))).not.toBeUndefined();
  });

  it('says when it does not end', { timeout: 120_000 }, async () => {
    const pid = await hold('.pg-cron.lock', ':');
    const [ours, theirs] = await Promise.all([
      box.barman(['terminate-process', 'pg', 'cron']),
      box.reference(['terminate-process', 'pg', 'cron']),
    ]);
    expect(ours).toEqual({ code: 1, stdout: '', stderr: `ERROR: Cannot terminate process cron(${pid})\n` });
    expect(ours).toEqual(theirs);
  });

  it('never signals a process that does not hold the lock', async () => {
    const innocent = spawn('sleep', ['60'], { stdio: 'ignore' });
    holders.push(innocent);
    await writeFile(join(box.home, '.pg-backup.lock'), `${innocent.pid}\n`);
    const args = ['terminate-process', 'pg', 'backup'];
    const ours = await box.barman(args);
    expect(ours).toMatchObject({
      code: 1,
      stderr: 'ERROR: Termination of backup failed: no such process for server pg\n',
    });
    expect(ours).toEqual(await box.reference(args));
    expect(innocent.exitCode).toBeNull();
    expect(innocent.signalCode).toBeNull();
  });

  it.each(['barman', 'reference'] as const)('cleans the lock directory, not what is held (%s)', async (program) => {
    await hold('.pg-receive-wal.lock');
    for (const name of ['.pg-backup.lock', '.gone-cron.lock', 'mine.lock']) await writeFile(join(box.home, name), '');
    expect(await box[program](['lock-directory-cleanup'])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect((await readdir(box.home)).sort()).toEqual(['.pg-receive-wal.lock', 'mine.lock']);
  });
});

/** The order of two processes is that of the directory there. */
function sorted<T extends { readonly stdout: string }>(result: T): T {
  const text = result.stdout;
  if (!text.startsWith('{')) return { ...result, stdout: text.split('\n').sort().join('\n') };
  const document = JSON.parse(text) as Record<string, { name: string }[]>;
  for (const list of Object.values(document)) list.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...result, stdout: JSON.stringify(document) };
}
