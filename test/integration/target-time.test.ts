/** --target-time where the clock changes, with the names of zones, and on hosts whose zone has no name. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseTargetTime } from '../../src/domain/time/target-time.ts';
import { findHostZone } from '../../src/host/host-zone.ts';
import { type CatalogHome, catalogHome, segments, span } from '../support/catalog-home.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { makeSandbox, type ProgramResult, type Sandbox } from '../support/sandbox.ts';

describe('a name behind a time', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster?.dispose());

  it.each([
    ['Europe/Berlin', '2025-10-26 02:30:00 CEST'],
    ['Europe/Berlin', '2025-10-26 02:30:00 CET'],
    ['Europe/Berlin', '2025-07-01 12:00:00 CET'],
    ['Europe/Berlin', '2025-01-01 12:00:00 CEST'],
    ['Europe/London', '2025-10-26 01:30:00 BST'],
    ['Europe/London', '2025-10-26 01:30:00 GMT'],
    ['Europe/Moscow', '2025-07-01 12:00:00 MSK'],
    ['Europe/Moscow', '2013-07-01 12:00:00 MSK'],
    ['America/New_York', '2025-11-02 01:30:00 EST'],
    ['America/New_York', '2025-11-02 01:30:00 EDT'],
    ['Australia/Sydney', '2026-04-05 02:30:00 AEST'],
    ['Australia/Sydney', '2026-04-05 02:30:00 AEDT'],
    ['Asia/Tokyo', '2025-07-01 12:00:00 JST'],
    ['America/Sao_Paulo', '2025-07-01 12:00:00 -03'],
  ])('in %s, %s is what PostgreSQL takes it for', async (name, text) => {
    const { zone } = findHostZone({ TZ: name });
    const { time } = parseTargetTime(text, { today: { year: 2026, month: 1, day: 1 }, zone });
    const answer = await cluster.sql(
      `SET timezone = '${name}'; SELECT floor(extract(epoch FROM timestamptz '${text}'))::bigint`,
    );
    expect(String((time?.epochMicros ?? 0n) / 1_000_000n)).toBe(answer.split('\n').at(-1));
  });
});

describe('a restore', () => {
  let box: Sandbox;
  let home: CatalogHome;
  beforeEach(async () => {
    box = await makeSandbox();
    home = catalogHome(box.home);
    await box.writeConfig(
      '[pg]\nconninfo = host=127.0.0.1 port=1\nstreaming_conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n',
    );
    const id = '20240101T000000';
    await home.addBackup('pg', id, {
      ...span(2, 2),
      begin_time: '2024-01-01 00:00:00+00:00',
      end_time: '2024-01-01 00:01:00+00:00',
    });
    const data = home.folder('pg', 'base', id, 'data');
    await mkdir(`${data}/global`, { recursive: true });
    for (const name of ['global/pg_control', 'backup_label', 'postgresql.conf', 'postgresql.auto.conf', 'pg_hba.conf'])
      await writeFile(`${data}/${name}`, '');
    await home.writeWals('pg', segments(1, 4));
  });
  afterEach(() => box.dispose());

  const restore = async (
    tz: string,
    time: string,
  ): Promise<ProgramResult & { readonly target: string | undefined }> => {
    const target = `${box.root}/restored`;
    const result = await box.barman(['restore', '--get-wal', '--target-time', time, 'pg', 'latest', target], {
      env: { TZ: tz },
    });
    const settings = await readFile(`${target}/postgresql.auto.conf`, 'utf8').catch(() => '');
    return { ...result, target: /^recovery_target_time = '(.*)'$/m.exec(settings)?.[1] };
  };
  const ASSUMED =
    "WARNING: No time zone has been specified through '--target-time' command-line option. Barman assumed the same time zone from the Barman host.";

  it.each([
    ['CET-1CEST,M3.5.0,M10.5.0/3', '2025-10-26 02:30:00 CET', '2025-10-26 02:30:00+01:00'],
    ['Europe/Berlin', '2025-07-01 12:00:00 CET', '2025-07-01 12:00:00+01:00'],
  ])('with TZ=%s takes %s for %s', async (tz, time, target) => {
    const result = await restore(tz, time);
    expect(result).toMatchObject({ code: 0, target });
    expect(result.stderr).not.toContain('WARNING');
  });

  it.each([
    ['CET-1CEST,M3.5.0,M10.5.0/3', '2031-07-15 12:00:00', '2031-07-15 12:00:00+02:00'],
    ['<+03>-3', '2031-01-15 12:00:00', '2031-01-15 12:00:00+03:00'],
    [':Asia/Kolkata', '2031-01-15 12:00:00', '2031-01-15 12:00:00+05:30'],
  ])('with TZ=%s takes %s, without a zone, for %s', async (tz, time, target) => {
    const result = await restore(tz, time);
    expect(result).toMatchObject({ code: 0, target });
    expect(result.stderr.match(/WARNING.*/g)).toEqual([ASSUMED]);
  });

  it.each([
    ['2025-10-26 02:30:00', 'comes twice at'],
    ['2025-03-30 02:30:00', 'is left out by'],
  ])('says of %s, without a zone, that it %s the change of the clock', async (time, why) => {
    const result = await restore('CET-1CEST,M3.5.0,M10.5.0/3', time);
    expect(result).toMatchObject({ code: 0, target: `${time}+02:00` });
    expect(result.stderr).toContain(
      `WARNING: The target time ${why} the change of the clock of this host: it is taken for ${time}+02:00. Write it with its offset from UTC, e.g. +01:00.`,
    );
  });

  it('refuses a name that this host does not use', async () => {
    const result = await restore('Europe/Berlin', '2025-07-01 12:00:00 EST');
    expect(result).toMatchObject({ code: 1, target: undefined });
    expect(result.stderr).toContain("unknown time zone 'EST' (write an offset, e.g. +01:00)");
  });

  it('says that a TZ that means nothing is UTC', async () => {
    const result = await restore('Europe/Berlinn', '2025-07-01 12:00:00');
    expect(result).toMatchObject({ code: 0, target: '2025-07-01 12:00:00+00:00' });
    expect(result.stderr).toContain(
      "WARNING: the time zone of this host is not known, its local times are UTC: TZ is 'Europe/Berlinn'",
    );
  });
});
