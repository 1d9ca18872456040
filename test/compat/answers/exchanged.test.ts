/** The roles exchanged: a home that we made, by backup, receive-wal, archive-wal, keep, delete and cron, read by both. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../support/answers.ts';
import { referenceFolder } from '../../support/sandbox.ts';
import { CHANGING, RESTORING } from './changing.ts';
import type { Line } from './line.ts';
import { READING } from './reading.ts';
import { compareChanging, compareReading, prepare, SEEDING_LIMIT, type SideBySide } from './side-by-side.ts';
import { Tally } from './tally.ts';

/** Areas whose answers come out of the catalog. */
const AREAS =
  /^(list-backups|show-backup|keep|check-backup|list-files|sync-info|get-wal|check|status|check-archived-wal-range|verify-backup)$/;
const isOfOurs = ([area, typed]: Line) => AREAS.test(area) && / (plain|stream|files|all)\b/.test(typed);
/** All lines of the tables; in CI only those about catalogs that were made here. */
const isWhole = process.env.BARMAN_ANSWERS === 'full';

describe.skipIf(referenceFolder === undefined)('on a home made by ours (needs BARMAN_REFERENCE)', () => {
  const tally = new Tally('made by ours');
  let stage: SideBySide;

  beforeAll(async () => {
    stage = await prepare('barman', async (ground) => {
      // The lines that delete count the backups of the seed.
      for (const typed of [...(isWhole ? [] : ['delete plain @plain.3']), 'cron', 'rebuild-xlogdb stream']) {
        await ask(ground, 'barman', typed, { changes: true, config: 'down' });
      }
    });
  }, SEEDING_LIMIT);
  afterAll(async () => {
    await stage?.dispose();
    tally.print();
  });

  it('holds what the program of the other makes too', async () => {
    const listed = await ask(stage.ground, 'reference', 'list-backups plain stream', {});
    const statuses = listed.stdout
      .split('\n')
      .map((line) => line.replace(/^(\w+) \S+( '\w+')?.*?( - (FAILED|WAITING_FOR_WALS|KEEP:\w+))?$/, '$1$2$3'));
    expect(statuses).toEqual([
      'plain - WAITING_FOR_WALS',
      ...(isWhole ? ["plain 'twice'"] : []),
      "plain 'twice'",
      "plain 'monthly'",
      'stream',
      'stream - FAILED',
      'stream',
      "stream 'weekly' - KEEP:STANDALONE",
      '',
    ]);
  });

  compareReading(
    tally,
    READING.filter((line) => isWhole || isOfOurs(line)),
    () => stage.ground,
  );
  if (isWhole) compareChanging(tally, [...CHANGING, ...RESTORING], () => stage.ground);
});
