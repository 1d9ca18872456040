/** `barman coverage` of a live server, with a gap torn into its archive, and without PostgreSQL. */
import { mkdir, readdir, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatLsn, parseLsn } from '../../src/domain/wal/lsn.ts';
import { DEFAULT_SEGMENT_SIZE, lsnOfSegment, parseWalName, type WalFile } from '../../src/domain/wal/wal.ts';
import { eventually, nextSecond } from '../support/eventually.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { makeSandbox, type Sandbox, streamingSection } from '../support/sandbox.ts';

let cluster: Cluster;
let box: Sandbox;

beforeAll(async () => {
  box = await makeSandbox();
  const incoming = join(box.home, 'pg', 'incoming');
  await mkdir(incoming, { recursive: true });
  // WAL comes twice, so that nothing waits for pg_receivewal, which closes a segment only when the next one begins.
  cluster = await startCluster({ settings: { archive_mode: 'on', archive_command: `cp %p ${incoming}/%f` } });
  await box.writeConfig(
    streamingSection('pg', cluster, 'archiver = on\nimmediate_checkpoint = on\ncompression = gzip'),
  );
  expect(await box.barman(['cron'])).toMatchObject({ code: 0 });
  await switchWal();
  await eventually('check is content', async () => (await box.barman(['-q', 'check', 'pg'])).code === 0, 60);
});
afterAll(async () => {
  await box?.barman(['-q', 'receive-wal', '--stop', 'pg']);
  await cluster?.dispose();
  await box?.dispose();
});

interface Window {
  readonly from_timestamp: number;
  readonly to_timestamp: number;
  readonly backup_ids: readonly string[];
  readonly last_wal: string;
}

interface Report {
  readonly timelines: readonly { readonly timeline: number; readonly windows: Window[]; readonly gaps: unknown[] }[];
  readonly incomplete_backups: readonly unknown[];
  readonly exposure: {
    readonly bytes: number;
    readonly seconds: number | null;
    readonly received_by: string;
    readonly recoverable_lsn: string | null;
    readonly current_lsn: string;
  } | null;
}

async function coverage(): Promise<{ readonly report: Report; readonly warnings: unknown }> {
  const { code, stdout } = await box.barman(['-f', 'json', 'coverage', 'pg']);
  expect(code).toBe(0);
  const { pg, _WARNING } = JSON.parse(stdout) as { pg: Report; _WARNING?: unknown };
  return { report: pg, warnings: _WARNING };
}

async function backup(): Promise<string> {
  // Ids have the resolution of a second.
  await nextSecond();
  expect(await box.barman(['backup', '--wait', 'pg'])).toMatchObject({ code: 0 });
  return (await box.barman(['list-backups', '--minimal', 'pg'])).stdout.split('\n')[0] ?? '';
}

async function switchWal(): Promise<void> {
  await cluster.sql('CREATE TABLE IF NOT EXISTS filler AS SELECT 1 AS one');
  await cluster.sql('INSERT INTO filler VALUES (2)');
  expect(await box.barman(['switch-wal', '--force', '--archive', 'pg'])).toMatchObject({ code: 0 });
}

async function segments(): Promise<readonly string[]> {
  const names = await readdir(join(box.home, 'pg', 'wals'), { recursive: true });
  return names
    .map((name) => name.replace(/^.*\//, ''))
    .filter((name) => /^[0-9A-F]{24}$/.test(name))
    .sort();
}

const segmentPath = (name: string) => join(box.home, 'pg', 'wals', name.slice(0, 16), name);

describe('barman coverage', () => {
  it('says that everything would be lost while there is no backup', async () => {
    const { exposure } = (await coverage()).report;
    expect(exposure).toMatchObject({ recoverable_lsn: null, seconds: null });
    expect(exposure?.bytes).toBe(Number(parseLsn(exposure?.current_lsn ?? '')));
    expect((await box.barman(['coverage', 'pg'])).stdout).toContain(
      'If the primary died now: everything would be lost: no backup can be recovered. Take one: barman backup pg\n',
    );
  });

  it('has one window over both backups, and tells that nothing would be lost', async () => {
    const first = await backup();
    await switchWal();
    const second = await backup();
    await switchWal();
    await cluster.sql('INSERT INTO filler VALUES (3)');
    // Only streaming has this row; pg_receivewal tells how far it is every ten seconds.
    await eventually(
      'everything is streamed',
      async () => {
        const { exposure } = (await coverage()).report;
        return exposure?.bytes === 0 && exposure.received_by === 'streaming';
      },
      60,
    );
    const { report, warnings } = await coverage();
    expect(warnings).toBeUndefined();
    const [timeline] = report.timelines;
    expect(report.timelines).toHaveLength(1);
    expect(timeline).toMatchObject({ timeline: 1, gaps: [] });
    const last = (await segments()).at(-1);
    expect(timeline?.windows).toMatchObject([{ backup_ids: [first, second], last_wal: last }]);
    const window = timeline?.windows[0];
    expect((window?.to_timestamp ?? 0) - (window?.from_timestamp ?? 0)).toBeGreaterThan(0);
    expect(report.incomplete_backups).toEqual([]);
    expect(report.exposure).toMatchObject({ bytes: 0, seconds: 0, received_by: 'streaming' });
    const text = await box.barman(['coverage', 'pg']);
    expect(text.stdout).toMatch(
      new RegExp(
        `^Server pg:\\n\\tTimeline 1:\\n\\t\\tany moment from [^(]* to [^(]* \\(2 backups from ${first}, WAL to ${last}\\)\\n\\tIf the primary died now: nothing would be lost \\(all is here by streaming, up to [0-9A-F/]+\\)\\n$`,
      ),
    );
  });

  it('says where WAL is missing or cut, and which backup that spoils', async () => {
    const [first = '', second = ''] = (await box.barman(['list-backups', '--minimal', 'pg'])).stdout
      .trim()
      .split('\n')
      .toReversed();
    const shown = JSON.parse((await box.barman(['-f', 'json', 'show-backup', 'pg', second])).stdout) as {
      pg: { base_backup_information: { begin_wal: string } };
    };
    const begin = shown.pg.base_backup_information.begin_wal;
    const names = await segments();
    const before = names[names.indexOf(begin) - 1] ?? '';
    await rm(segmentPath(before));
    await truncate(segmentPath(begin), 0);
    const { report, warnings } = await coverage();
    expect(warnings).toEqual([`'${segmentPath(begin)}' has 0 bytes instead of 16777216: it counts as missing`]);
    expect(report.timelines[0]?.windows.map(({ backup_ids }) => backup_ids)).toEqual([[first]]);
    expect(report.timelines[0]?.gaps).toEqual([{ first_wal: before, last_wal: begin, segments: 2 }]);
    expect(report.incomplete_backups).toEqual([{ backup_id: second, missing_wal: begin }]);
    // What was received behind the hole is of no use.
    const end = lsnOfSegment(parseWalName(before) as WalFile, DEFAULT_SEGMENT_SIZE);
    expect(report.exposure?.recoverable_lsn).toBe(formatLsn(end));
    expect(report.exposure?.bytes).toBe(Number(parseLsn(report.exposure?.current_lsn ?? '')) - Number(end));
    expect((await box.barman(['coverage', 'pg'])).stdout).toMatch(
      new RegExp(
        `would be lost: nothing behind ${formatLsn(end)} can be recovered, .* Take a backup: barman backup pg`,
      ),
    );
  });

  it('counts a backup without its files no more', async () => {
    const [, first = ''] = (await box.barman(['list-backups', '--minimal', 'pg'])).stdout.trim().split('\n');
    const data = join(box.home, 'pg', 'base', first, 'data');
    await rename(data, `${data}.away`);
    const { report, warnings } = await coverage();
    expect(report.timelines[0]?.windows).toEqual([]);
    expect(report.exposure?.recoverable_lsn).toBeNull();
    expect(String(warnings)).toContain(`'${data}' is missing`);
    await rename(`${data}.away`, data);
  });

  it('answers without PostgreSQL', async () => {
    await cluster.stop('immediate');
    const { code, stdout, stderr } = await box.barman(['coverage', 'pg']);
    expect(code).toBe(0);
    expect(stdout).toContain('gap: 2 segments are missing: ');
    expect(stdout).not.toContain('If the primary died');
    expect(stderr).toContain('what would be lost now is not known: ');
  });
});
