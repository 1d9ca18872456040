/** The index made from the files: what is listed, what is left out, and who may write at the same time. */
import { utimesSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock } from '../../../src/host/lock.ts';
import { makeHome, type TestHome, WAL_TIME } from '../../support/server-home.ts';

const SEGMENT = '000000010000000000000001';
const line = (name: string, size: number) => `${name}\t${size}\t${WAL_TIME}\tNone\tNone\n`;

describe('rebuildXlogdb', () => {
  let home: TestHome;
  beforeEach(() => {
    home = makeHome();
  });
  afterEach(() => home.dispose());

  it('waits for the lock of the index, and keeps the line that came first', async () => {
    home.archive(SEGMENT);
    const lock = await acquireLock(`${home.root}/.pg-xlogdb.lock`, { wait: true });
    let isDone = false;
    const rebuilt = home.catalog.rebuildXlogdb().then(() => {
      isDone = true;
    });
    await sleep(100);
    expect(isDone).toBe(false);
    const added = home.archive('000000010000000000000002');
    utimesSync(home.path('wals/0000000100000000', added.name), WAL_TIME, WAL_TIME);
    await lock.release();
    await rebuilt;
    expect(home.read('wals/pg-xlog.db')).toBe(line(SEGMENT, 3) + line(added.name, 3));
  });
});
