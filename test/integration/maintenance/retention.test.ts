import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { enforceRetention } from '../../../src/maintenance/retention.ts';
import { type CatalogHome, catalogHome, span } from '../../support/catalog-home.ts';
import { openWalServer, type WalServer } from '../../support/wal-server.ts';

const id = (day: number) => `202611${String(day).padStart(2, '0')}T040000`;

let box: WalServer;
let home: CatalogHome;

async function open(options: string): Promise<void> {
  await box?.dispose();
  box = await openWalServer(`archiver = on\n${options}`);
  home = catalogHome(join(box.root, 'home'));
}

beforeEach(() => open('retention_policy = REDUNDANCY 1'));
afterEach(() => box.dispose());

/** Enforces the policy at noon of the 21st, and gives what was said without the lines of each delete. */
async function enforce(now = '2026-11-21T12:00:00Z'): Promise<string[]> {
  await enforceRetention({ ...box.scope, now: () => new Date(now) });
  return box.said().filter((line) => !/^(Deleting|Deleted|Delete assoc|\t)/.test(line));
}

const removing = (day: number) => `Enforcing retention policy: removing backup ${id(day)} for server pg`;

describe('enforceRetention', () => {
  it('obeys a script that vetoes one backup, and goes on with the others', async () => {
    await open(
      `retention_policy = REDUNDANCY 1\npre_delete_retry_script = test $BARMAN_BACKUP_ID != ${id(1)} || exit 63`,
    );
    for (const day of [1, 2, 3]) await home.addBackup('pg', id(day), span(day, day));
    const said = await enforce();
    expect(said[0]).toBe(removing(1));
    expect(said[1]).toMatch(
      /^WARNING: Obsolete backup 20261101T040000 of server pg is not deleted: Abort 'pre_delete_retry_script'/,
    );
    expect(said[2]).toBe(removing(2));
    expect(await box.names('base')).toEqual([id(1), id(3)]);
    expect(await box.names('meta')).toEqual([`${id(1)}-backup.info`, `${id(3)}-backup.info`]);
  });
});
