/** Finding and ending processes through their lock files. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { taskOfLock, terminateProcess } from '../../../src/maintenance/processes.ts';
import { openWalServer, type WalServer } from '../../support/wal-server.ts';

let box: WalServer;
beforeEach(async () => {
  box = await openWalServer();
});
afterEach(() => box.dispose());

describe('taskOfLock', () => {
  it.each([
    ['.pg-receive-wal.lock', 'receive-wal'],
    ['.pg-backup.lock', 'backup'],
    ['.pg-20260101T000000-sync-backup.lock', 'sync-backup'],
    ['.pg-sync-wal.lock', 'sync-wal'],
    ['.pg-20260101T000000.lock', undefined],
    ['.pg-xlogdb.lock', undefined],
    ['.pg-2-cron.lock', undefined],
    ['.other-cron.lock', undefined],
  ])('%s is %s', (name, task) => {
    expect(taskOfLock('pg', name)).toBe(task);
  });
});

describe('terminateProcess', () => {
  it('says when there is none, for whatever name', async () => {
    expect(await terminateProcess(box.scope, 'nosuch')).toBe(false);
    expect(box.said()).toEqual(['ERROR: Termination of nosuch failed: no such process for server pg']);
  });
});
