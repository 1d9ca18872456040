/** Backups whose ids are not in the order in which they were made. Needs no PostgreSQL. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CatalogHome, catalogHome, type RecordTexts, segments, span } from '../support/catalog-home.ts';
import { makeSandbox, type Sandbox } from '../support/sandbox.ts';

let box: Sandbox;
let home: CatalogHome;
beforeEach(async () => {
  box = await makeSandbox();
  home = catalogHome(box.home);
});
afterEach(() => box.dispose());

const write = (extra: string) =>
  box.writeConfig(
    `[pg]\nconninfo = host=127.0.0.1 port=1\nstreaming_conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n${extra}\n`,
  );

/** A backup that began at that moment in that segment, and took a minute. */
function begun(moment: string, number: number): RecordTexts {
  const end = new Date(Date.parse(moment) + 60_000).toISOString().replace('T', ' ').replace('.000Z', '+00:00');
  const lsn = (offset: number) => `0/${(number * 0x1000000 + offset).toString(16).toUpperCase()}`;
  return {
    ...span(number, number),
    begin_time: moment,
    end_time: end,
    begin_xlog: lsn(0x28),
    end_xlog: lsn(0x130),
  };
}

const minimal = async () => (await box.barman(['list-backups', '--minimal', 'pg'])).stdout.split('\n').filter(Boolean);
const shown = async (backup: string) =>
  /Backup (\S+):/.exec((await box.barman(['show-backup', 'pg', backup])).stdout)?.[1];

describe('at the end of summer time, or when a host is moved to another zone', () => {
  const [SUMMER, WINTER] = ['20251026T023000', '20251026T021500'] as const;
  beforeEach(async () => {
    await write('retention_policy = REDUNDANCY 1');
    await home.addBackup('pg', SUMMER, begun('2025-10-26 00:30:00+00:00', 0x10));
    await home.addBackup('pg', WINTER, begun('2025-10-26 01:15:00+00:00', 0x20));
    await home.writeWals('pg', segments(0x10, 0x22));
  });

  it('the one that was made last is the newest, whatever its id', async () => {
    expect(await minimal()).toEqual([WINTER, SUMMER]);
    expect([await shown('latest'), await shown('oldest')]).toEqual([WINTER, SUMMER]);
    const { stdout } = await box.barman(['list-backups', 'pg']);
    expect(stdout.split('\n').filter((line) => line.includes('OBSOLETE'))).toEqual([expect.stringContaining(SUMMER)]);
    const plan = await box.barman(['delete', '--dry-run', 'pg', 'oldest']);
    expect(plan.stdout).toContain(SUMMER);
    expect(plan.stdout).not.toContain(WINTER);
    const document = JSON.parse((await box.barman(['-f', 'json', 'show-backup', 'pg', SUMMER])).stdout);
    expect(document.pg.catalog_information).toMatchObject({ next_backup: WINTER });
  });

  it('retention keeps it', async () => {
    expect((await box.barman(['-q', 'cron'])).code).toBe(0);
    expect(await minimal()).toEqual([WINTER]);
  });
});

describe('a clock that was ahead once', () => {
  const [RIGHT, FUTURE] = ['20261101T040000', '20990101T040000'] as const;
  beforeEach(async () => {
    await write('retention_policy = REDUNDANCY 1\nlast_backup_maximum_age = 1 HOUR');
    await home.addBackup('pg', FUTURE, begun('2099-01-01 04:00:00+00:00', 0x10));
    await home.addBackup('pg', RIGHT, begun('2026-11-01 04:00:00+00:00', 0x20));
    await home.writeWals('pg', segments(0x10, 0x22));
  });

  it('makes no newest backup', async () => {
    expect(await minimal()).toEqual([RIGHT, FUTURE]);
    expect(await shown('latest')).toBe(RIGHT);
  });

  it('does not satisfy the maximum age', async () => {
    const age = async () => /backup maximum age: .*/.exec((await box.barman(['check', 'pg'])).stdout)?.[0];
    expect(await age()).toMatch(
      /^backup maximum age: FAILED \(interval provided: 1 hour, latest backup age: \d+ days?.*[^)]\)$/,
    );
    await box.barman(['delete', 'pg', RIGHT]);
    expect(await age()).toBe(
      `backup maximum age: FAILED (interval provided: 1 hour, latest backup age: No available backups (backup ${FUTURE} is dated in the future and does not count: see to the clocks))`,
    );
  });
});
