/** A dry run tells exactly what the real run then does, and writes nothing. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { deleteBackup } from '../../../../src/maintenance/delete.ts';
import { planDelete, planRetention } from '../../../../src/maintenance/delete/plan.ts';
import { enforceRetention } from '../../../../src/maintenance/retention.ts';
import { openServer } from '../../../../src/server/open.ts';
import { catalogHome, segment, segments, span } from '../../../support/catalog-home.ts';
import { openWalServer, type WalServer } from '../../../support/wal-server.ts';

const id = (day: number) => `202611${String(day).padStart(2, '0')}T040000`;
const ended = (day: number) => ({ end_time: `2026-11-${String(day).padStart(2, '0')} 05:00:00+00:00` });
const NOW = new Date('2026-11-21T12:00:00Z');

let box: WalServer | undefined;
afterEach(async () => {
  await box?.dispose();
  box = undefined;
});

interface Made {
  readonly begin: number;
  readonly length: number;
  readonly status: 'DONE' | 'FAILED' | 'WAITING_FOR_WALS';
  readonly keep: 'full' | 'standalone' | null;
  readonly isChild: boolean;
}

const made: fc.Arbitrary<Made> = fc.record({
  begin: fc.integer({ min: 1, max: 3 }),
  length: fc.integer({ min: 0, max: 2 }),
  status: fc.constantFrom('DONE', 'DONE', 'DONE', 'FAILED', 'WAITING_FOR_WALS'),
  keep: fc.constantFrom(null, null, null, 'full', 'standalone'),
  isChild: fc.boolean(),
});

async function build(backups: readonly Made[], policy: string): Promise<WalServer> {
  await box?.dispose();
  box = await openWalServer(`archiver = on\n${policy}`);
  const home = catalogHome(join(box.root, 'home'));
  let at = 1;
  for (const [index, { begin, length, status, keep, isChild }] of backups.entries()) {
    const day = index + 1;
    const parent = isChild && index > 0 ? id(index) : null;
    const isParent = backups[index + 1]?.isChild === true;
    at += begin;
    await home.addBackup('pg', id(day), {
      ...span(at, at + length),
      ...ended(day),
      status,
      ...(parent === null ? {} : { parent_backup_id: parent }),
      ...(isParent ? { children_backup_ids: id(day + 1) } : {}),
    });
    if (keep !== null && parent === null && status === 'DONE') await home.addKeep('pg', id(day), keep);
  }
  await home.writeWals('pg', segments(1, at + 4));
  return box;
}

/** Names, sizes and times of everything. */
async function snapshot(server: WalServer): Promise<readonly string[]> {
  const names = (await readdir(join(server.root, 'home'), { recursive: true })).sort();
  return Promise.all(
    names
      .filter((name) => !name.endsWith('.lock'))
      .map(async (name) => {
        const { size, mtimeMs, ino } = await stat(join(server.root, 'home', name));
        return `${name} ${size} ${mtimeMs} ${ino}`;
      }),
  );
}

const listed = async (server: WalServer) => (await server.index()).map(([name]) => name);

/** The same catalog as another process finds it. */
async function reopened({ scope }: WalServer) {
  return { ctx: { ...scope, now: () => NOW }, server: await openServer(scope, scope, { offline: true }) };
}

async function expectTruth(
  server: WalServer,
  plan: Awaited<ReturnType<typeof planRetention>>,
  act: () => Promise<unknown>,
): Promise<void> {
  const [backups, wals] = [await server.names('base'), await listed(server)];
  await act();
  const goneBackups = backups.filter((name) => !plan.some(({ info }) => info.backupId === name));
  expect(await server.names('base')).toEqual(goneBackups);
  const freed = new Set(plan.flatMap((removal) => removal.wals));
  expect(await listed(server)).toEqual(wals.filter((name) => !freed.has(name ?? '')));
}

describe('delete --dry-run', () => {
  it('knows what retention does', async () => {
    const policies = ['REDUNDANCY 1', 'REDUNDANCY 2', 'RECOVERY WINDOW OF 2 WEEKS', 'RECOVERY WINDOW OF 18 DAYS'];
    await fc.assert(
      fc.asyncProperty(fc.array(made, { maxLength: 6 }), fc.constantFrom(...policies), async (backups, policy) => {
        const server = await build(backups, `retention_policy = ${policy}`);
        const before = await snapshot(server);
        const dry = await reopened(server);
        const plan = await planRetention(dry.server);
        expect(await snapshot(server)).toEqual(before);
        const real = await reopened(server);
        await expectTruth(server, plan, () => enforceRetention(real.server));
      }),
      { numRuns: 60, seed: 20_261_127 },
    );
  });

  it('knows what a delete does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(made, { minLength: 1, maxLength: 5 }), fc.nat(), async (backups, choice) => {
        const server = await build(backups, 'minimum_redundancy = 1');
        const before = await snapshot(server);
        const target = id((choice % backups.length) + 1);
        const dry = await reopened(server);
        const [info] = (await dry.server.catalog.listBackups()).backups.filter(({ backupId }) => backupId === target);
        if (info === undefined) throw new Error('no such backup');
        const plan = await planDelete(dry.server, info);
        expect(await snapshot(server)).toEqual(before);
        const said = server.said();
        const real = await reopened(server);
        await expectTruth(server, plan ?? [], () => deleteBackup(real.server, info));
        // A refusal has the same words.
        if (plan === undefined) expect(server.said()).toEqual(said);
      }),
      { numRuns: 60, seed: 20_261_127 },
    );
  });

  it('prints what goes and what becomes free, as text and as JSON', async () => {
    const server = await build(
      [1, 2, 3].map(() => ({ begin: 2, length: 1, status: 'DONE' as const, keep: null, isChild: false })),
      'retention_policy = REDUNDANCY 1',
    );
    const { deletePlanResult } = await import('../../../../src/output/results/delete-plan.ts');
    const dry = await reopened(server);
    const result = deletePlanResult('pg', await planRetention(dry.server));
    const paint = { red: String, green: String, yellow: String };
    expect(result.console(paint)).toEqual([
      'Server pg: 2 backups would be deleted',
      `\t${id(1)} - DONE - Sun Nov  1 05:00:00 2026 - Size: 22.8 MiB - frees 4 WAL files (64.0 MiB): ${segment(1)} to ${segment(4)}`,
      `\t${id(2)} - DONE - Mon Nov  2 05:00:00 2026 - Size: 22.8 MiB - frees 2 WAL files (32.0 MiB): ${segment(5)} to ${segment(6)}`,
      'Space that becomes free: 45.6 MiB of backups, 6 WAL files (96.0 MiB)',
      'Nothing was deleted (--dry-run)',
    ]);
    expect(result.json()).toMatchObject({
      pg: { dry_run: true, size_bytes: 2 * 23_913_625, wal_files: 6, wal_bytes: 6 * 16_777_216 },
    });
    expect(deletePlanResult('pg', []).console(paint)).toEqual([
      'Server pg: no backup would be deleted',
      'Nothing was deleted (--dry-run)',
    ]);
    expect(await readFile(server.path('meta', `${id(1)}-backup.info`), 'utf8')).toContain('status=DONE');
  });
});
