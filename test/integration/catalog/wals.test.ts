/** xlog.db: read, appended, repaired, rebuilt, under its lock. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acquireLock } from '../../../src/host/lock.ts';
import { serverLock } from '../../../src/catalog/layout.ts';
import { type WalRecord } from '../../../src/domain/wal/xlogdb.ts';
import { makeHome, type TestHome } from '../../support/server-home.ts';

let home: TestHome;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.dispose());

async function readAll(catalog = home.catalog): Promise<WalRecord[]> {
  const records: WalRecord[] = [];
  await catalog.readWals((record) => {
    records.push(record);
  });
  return records;
}

const setIndex = (text: string) => home.write('wals/pg-xlog.db', text);

describe('readWals', () => {
  it('waits for whoever holds the lock', async () => {
    setIndex('');
    const lock = await acquireLock(serverLock(home.catalog.layout, 'xlogdb'), { wait: false });
    let done = false;
    const reading = readAll().then(() => {
      done = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(done).toBe(false);
    await lock.release();
    await reading;
  });
});
