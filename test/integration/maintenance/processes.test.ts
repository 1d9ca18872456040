/** Finding and ending processes through their lock files. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serverProcesses, terminateProcess } from '../../../src/maintenance/processes.ts';
import { openWalServer, type WalServer } from '../../support/wal-server.ts';

let box: WalServer;
const children: ChildProcess[] = [];
beforeEach(async () => {
  box = await openWalServer();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await box.dispose();
});

const lockFile = (name: string) => join(box.root, 'home', name);

/** A process that holds a lock file with its pid inside, as any Barman does. */
async function hold(name: string, body = 'exec sleep 60'): Promise<number> {
  const script = `exec 9>>"$0"; flock 9; echo $$ > "$0"; echo ready; ${body}`;
  const child = spawn('/bin/bash', ['-c', script, lockFile(name)], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child.pid ?? 0;
}

describe('serverProcesses', () => {
  it('lists who holds a lock now', async () => {
    await writeFile(lockFile('.pg-cron.lock'), '1\n');
    await hold('.pg-2-receive-wal.lock');
    const receiver = await hold('.pg-receive-wal.lock');
    expect(await serverProcesses(box.scope)).toEqual([
      { task: 'receive-wal', pid: receiver, lockPath: lockFile('.pg-receive-wal.lock') },
    ]);
  });
});

describe('terminateProcess', () => {
  it('interrupts and waits', async () => {
    const pid = await hold('.pg-receive-wal.lock', 'trap "sleep 0.2; exit" INT; while :; do sleep 0.05; done');
    expect(await terminateProcess(box.scope, 'receive-wal')).toBe(true);
    expect(box.said()).toEqual([`Stopped process receive-wal(${pid})`]);
    expect(() => process.kill(pid, 0)).toThrow();
  });

  it('signals nobody but the holder of the lock, whatever number the file holds', async () => {
    await hold('.pg-receive-wal.lock');
    const stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
    children.push(stranger);
    await writeFile(lockFile('.pg-receive-wal.lock'), `${stranger.pid}\n`);
    expect(await terminateProcess(box.scope, 'receive-wal')).toBe(false);
    expect(box.said()).toEqual([`ERROR: Cannot terminate process receive-wal(${stranger.pid})`]);
    expect([stranger.exitCode, stranger.signalCode]).toEqual([null, null]);
  });
});
