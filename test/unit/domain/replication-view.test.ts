import { describe, expect, it } from 'vitest';
import { lsn } from '../../../src/domain/wal/lsn.ts';
import { lsnDiff, syncStage } from '../../../src/domain/replication-view.ts';

const at = (sent: bigint | null, write: bigint | null, flush: bigint | null, replay: bigint | null) => ({
  currentLsn: lsn(100n),
  sentLsn: sent === null ? null : lsn(sent),
  writeLsn: write === null ? null : lsn(write),
  flushLsn: flush === null ? null : lsn(flush),
  replayLsn: replay === null ? null : lsn(replay),
});

describe('sync stage', () => {
  it.each([
    [at(100n, 100n, 100n, 100n), '5/5 Hot standby (max)'],
    [at(100n, 100n, 100n, 99n), '4/5 2-safe'],
    [at(100n, 100n, 99n, 99n), '3/5 Remote write'],
    [at(100n, 99n, 99n, 99n), '2/5 WAL Sent (min)'],
    [at(99n, 99n, 99n, 99n), '1/5 1-safe'],
    [at(100n, 100n, 100n, null), '3/3 Remote write'],
    [at(100n, 99n, 100n, null), '2/3 WAL Sent (min)'],
    [at(99n, null, null, null), '1/3 1-safe'],
  ])('%#: %s', (positions, stage) => {
    expect(syncStage(positions)).toBe(stage);
  });
});

it('a difference is negative behind the server, and nothing when the server does not tell', () => {
  expect(lsnDiff(lsn(100n), lsn(300n))).toBe(-200n);
  expect(lsnDiff(lsn(100n), null)).toBe(0n);
});
