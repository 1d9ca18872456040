import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { acquireLock } from '../../../src/host/lock.ts';
import { heldLockFiles } from '../../../src/host/held-locks.ts';

it('sees the locks that are held, and only those', async () => {
  const root = mkdtempSync(join(tmpdir(), 'barman-locks-'));
  try {
    const held = join(root, '.a.lock');
    const idle = join(root, '.b.lock');
    writeFileSync(idle, '1\n');
    const lock = await acquireLock(held, { wait: false });
    expect([...(await heldLockFiles([held, idle, join(root, 'missing')]))]).toEqual([held]);
    await lock.release();
    expect([...(await heldLockFiles([held, idle]))]).toEqual([]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
