/** The lock must exclude, and be excluded by, any other program that calls flock(2) on the file. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock, flockByProgram, lockHolder, withLock } from '../../../src/host/lock.ts';
import { LockBusyError } from '../../../src/domain/errors.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'barman-lock-'));
  path = join(folder, '.pg-backup.lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const isFree = () => spawnSync('flock', ['-n', path, 'true']).status === 0;

describe('flock', () => {
  it('holds the file against flock(1), writes the pid, and frees it', async () => {
    const lock = await acquireLock(path, { wait: false });
    expect(isFree()).toBe(false);
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await lockHolder(path)).toEqual({ pid: process.pid });
    await lock.release();
    await lock.release();
    expect(isFree()).toBe(true);
    expect(await lockHolder(path)).toBeUndefined();
  });

  it('is not inherited by programs we start', async () => {
    const lock = await acquireLock(path, { wait: false });
    const child = spawn('sleep', ['5'], { stdio: 'ignore' });
    await lock.release();
    expect(isFree()).toBe(true);
    child.kill();
  });

  it('says busy at once, or waits for the holder', async () => {
    const first = await acquireLock(path, { wait: false });
    await expect(acquireLock(path, { wait: false })).rejects.toThrow(LockBusyError);
    let got = false;
    const second = acquireLock(path, { wait: true }).then((lock) => {
      got = true;
      return lock;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(got).toBe(false);
    await first.release();
    await (await second).release();
  });

  it('never ends up with a lock on an unlinked file', async () => {
    const first = await acquireLock(path, { wait: false });
    const waiting = acquireLock(path, { wait: true });
    await new Promise((resolve) => setTimeout(resolve, 50));
    unlinkSync(path);
    writeFileSync(path, '');
    await first.release();
    const second = await waiting;
    expect(isFree()).toBe(false);
    await second.release();
  });

  it('is the same lock by way of flock(1), where the addon has no binary', async () => {
    const handle = await open(path, 'w+');
    expect(await flockByProgram(handle, false)).toBe(true);
    await expect(acquireLock(path, { wait: false })).rejects.toThrow(LockBusyError);
    await handle.close();
    const lock = await acquireLock(path, { wait: false });
    const other = await open(path, 'r+');
    expect(await flockByProgram(other, false)).toBe(false);
    await lock.release();
    expect(await flockByProgram(other, true)).toBe(true);
    await other.close();
  });

  it('is freed when the body throws', async () => {
    await expect(
      withLock(path, { wait: false }, async () => {
        throw new Error('inside');
      }),
    ).rejects.toThrow('inside');
    expect(isFree()).toBe(true);
  });
});
