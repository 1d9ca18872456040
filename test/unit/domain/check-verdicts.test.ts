import { describe, expect, it } from 'vitest';
import {
  isWaitingName,
  judgeBackupAge,
  judgeBackupSize,
  judgeFailedBackups,
  judgeQueue,
  judgeRedundancy,
  judgeRejects,
  judgeSlot,
  judgeSystemId,
  judgeWalAge,
  walUsageOf,
} from '../../../src/domain/check-verdicts.ts';
import { type Lsn, lsn } from '../../../src/domain/wal/lsn.ts';
import type { SlotState } from '../../../src/domain/wal/replication-slot.ts';

const DAY = 86_400;

describe('age of the last backup', () => {
  it.each([
    [null, null, { ok: true, hint: 'no last_backup_maximum_age provided' }],
    [null, 5, { ok: true, hint: 'no last_backup_maximum_age provided' }],
    [DAY, null, { ok: false, hint: 'interval provided: 1 day, latest backup age: No available backups' }],
    [DAY, 1_000_000 - DAY, { ok: true, hint: 'interval provided: 1 day, latest backup age: 1 day' }],
    [DAY, 1_000_000 - DAY - 1, { ok: false, hint: 'interval provided: 1 day, latest backup age: 1 day, 1 second' }],
    [
      14 * DAY,
      1_000_000.2 - 0.5,
      { ok: true, hint: 'interval provided: 14 days, latest backup age: less than one second' },
    ],
  ])('limit %j, end %j', (maximum, end, verdict) => {
    expect(judgeBackupAge(maximum, { seconds: end, fromTheFuture: [] }, 1_000_000)).toEqual(verdict);
  });

  it('does not count a backup from the future, and says so', () => {
    const hint = 'interval provided: 1 day, latest backup age: 2 days (backup 20990101T000000 is dated in the future';
    const { ok, ...words } = judgeBackupAge(
      DAY,
      { seconds: 1_000_000 - 2 * DAY, fromTheFuture: ['20990101T000000'] },
      1_000_000,
    );
    expect([ok, words.hint?.startsWith(hint)]).toEqual([false, true]);
  });
});

describe('size of the last backup', () => {
  it.each([
    [null, 0, { ok: true, hint: '0 B', bytes: 0 }],
    [null, 23_848_325, { ok: true, hint: '22.7 MiB', bytes: 23_848_325 }],
    [1_048_576, 0, { ok: false, hint: 'last backup size 0 B < 1.0 MiB minimum', bytes: 0 }],
    [1_048_576, 1_048_575, { ok: false, hint: 'last backup size 1024.0 KiB < 1.0 MiB minimum', bytes: 1_048_575 }],
    [1_048_576, 1_048_576, { ok: true, hint: 'last backup size 1.0 MiB > 1.0 MiB minimum', bytes: 1_048_576 }],
  ])('minimum %j, %j bytes', (minimum, bytes, verdict) => {
    expect(judgeBackupSize(minimum, bytes)).toEqual(verdict);
  });
});

describe('age of the last WAL', () => {
  it.each([
    [null, null, { ok: true, hint: 'no last_wal_maximum_age provided' }],
    [7200, null, { ok: false, hint: 'No WAL files archived for last backup' }],
    [7200, 1_000_000 - 181, { ok: true, hint: 'interval provided: 2 hours, latest wal age: 3 minutes, 1 second' }],
    [7200, 1_000_000 - 7201, { ok: false, hint: 'interval provided: 2 hours, latest wal age: 2 hours, 1 second' }],
  ])('limit %j, last %j', (maximum, last, verdict) => {
    expect(judgeWalAge(maximum, { bytesAfter: 0, lastTime: last, fromTheFuture: null }, 1_000_000)).toEqual(verdict);
  });

  it('says which file is dated in the future', () => {
    const usage = { bytesAfter: 0, lastTime: 1_000_000 - 7201, fromTheFuture: '00000001000000000000000C' };
    expect(judgeWalAge(7200, usage, 1_000_000)).toEqual({
      ok: false,
      hint: 'interval provided: 2 hours, latest wal age: 2 hours, 1 second (00000001000000000000000C is dated in the future and does not count: see to the clocks)',
    });
  });
});

describe('counts', () => {
  it('fails on any failed backup', () => {
    expect(judgeFailedBackups(0)).toEqual({ ok: true, hint: 'there are 0 failed backups' });
    expect(judgeFailedBackups(4)).toEqual({ ok: false, hint: 'there are 4 failed backups' });
  });

  it('fails below the minimum redundancy', () => {
    expect(judgeRedundancy(1, 1)).toEqual({ ok: true, hint: 'have 1 non-incremental backups, expected at least 1' });
    expect(judgeRedundancy(1, 2)).toEqual({ ok: false, hint: 'have 1 non-incremental backups, expected at least 2' });
  });
});

describe('queues', () => {
  const off = { directory: '/in', option: 'archiver', enabled: false } as const;
  const on = { ...off, enabled: true };

  it('must be empty when the archiver is off', () => {
    expect(judgeQueue(off, 0, 1)).toBeNull();
    expect(judgeQueue(off, 1, null)).toEqual({ ok: false, hint: "'/in' must be empty when archiver=off" });
  });

  it('must not outgrow its limit when the archiver is on', () => {
    expect(judgeQueue(on, 1, 1)).toBeNull();
    expect(judgeQueue(on, 5, null)).toBeNull();
    expect(judgeQueue(on, 5, 1)).toEqual({ ok: false, hint: 'there are too many WALs in queue: 5, max 1' });
  });

  it('does not count what is still being written', () => {
    const names = ['.hidden', 'a.tmp', '000000010000000000000002.partial', '000000010000000000000001', 'junk'];
    expect(names.filter(isWaitingName)).toEqual(['000000010000000000000001', 'junk']);
  });
});

describe('system id', () => {
  const path = '/home/s/identity.json';
  it.each([
    [null, null, '1', { ok: true, hint: 'no system Id available' }],
    ['1', '1', null, { ok: true, hint: 'no system Id stored on disk' }],
    ['1', '1', '1', { ok: true }],
    [null, '1', '1', { ok: true }],
    ['1', null, '1', { ok: true }],
    [
      '1',
      '1',
      '2',
      {
        ok: false,
        hint: 'the system Id of the connected PostgreSQL server changed, stored in "/home/s/identity.json"',
      },
    ],
    [
      null,
      '1',
      '2',
      {
        ok: false,
        hint: 'the system Id of the connected PostgreSQL server changed, stored in "/home/s/identity.json"',
      },
    ],
    [
      '1',
      '2',
      '1',
      { ok: false, hint: 'is the streaming DSN targeting the same server of the PostgreSQL connection string?' },
    ],
  ])('streaming %j, SQL %j, stored %j', (streaming, sql, stored, verdict) => {
    expect(judgeSystemId({ streaming, sql, stored, path })).toEqual(verdict);
  });
});

describe('replication slot', () => {
  const state = (active: boolean, restartLsn: Lsn | null, more: Partial<SlotState> = {}): SlotState => ({
    slotName: 'x',
    active,
    restartLsn,
    isPhysical: true,
    lost: null,
    ...more,
  });
  const AT = lsn(0xf000000n);
  const needed = { name: 'x', server: 'pg', needed: true };
  const unneeded = { ...needed, needed: false };
  it.each([
    [
      needed,
      null,
      { ok: false, hint: "replication slot 'x' doesn't exist. Please execute 'barman receive-wal --create-slot pg'" },
    ],
    [needed, state(false, null), { ok: false, hint: "slot 'x' not initialised: is 'receive-wal' running?" }],
    [needed, state(false, AT), { ok: false, hint: "slot 'x' not active: is 'receive-wal' running?" }],
    [needed, state(true, AT), { ok: true }],
    [
      needed,
      state(false, null, { lost: 'wal_removed' }),
      {
        ok: false,
        hint: expect.stringMatching(
          /^replication slot 'x' is lost: .*\(wal_removed\): run "barman receive-wal --drop-slot pg"/,
        ),
      },
    ],
    [
      needed,
      state(true, AT, { isPhysical: false }),
      {
        ok: false,
        hint: expect.stringMatching(/^'x' is a logical replication slot, .*: give slot_name another value/),
      },
    ],
    [unneeded, state(true, AT, { isPhysical: false }), null],
    [unneeded, null, null],
    [unneeded, state(false, null), null],
    [
      unneeded,
      state(false, AT),
      { ok: true, hint: "WARNING: slot 'x' is initialised but not required by the current config" },
    ],
    [
      unneeded,
      state(true, AT),
      { ok: true, hint: "WARNING: slot 'x' is active but not required by the current config" },
    ],
  ])('case %#', (slot, state, verdict) => {
    expect(judgeSlot(slot, state)).toEqual(verdict);
  });
});

describe('rejected files', () => {
  it('are counted by kind in the order of the directory', () => {
    expect(judgeRejects([])).toEqual({ ok: true });
    expect(
      judgeRejects(['b.20261121T010203Z.unknown', 'a.duplicate', 'c.error', 'd.error', 'adir', 'e.unknown']),
    ).toEqual({ ok: false, hint: 'unknown: 2, duplicates: 1, not relevant: 2, unknown failure: 1' });
  });
});

describe('WAL of the last backup', () => {
  const usageOf = (...lines: readonly (readonly [name: string, size: number, time: number])[]) => {
    const { visit, usage } = walUsageOf('00000001000000000000000A', '00000001000000000000000B', 50);
    for (const [name, size, time] of lines) visit({ name, size, time, compression: null, encryption: null });
    return usage();
  };

  it('is nothing when nothing is listed', () => {
    expect(usageOf()).toEqual({ bytesAfter: 0, lastTime: null, fromTheFuture: null });
    expect(usageOf(['000000010000000000000009', 7, 10])).toEqual({
      bytesAfter: 0,
      lastTime: null,
      fromTheFuture: null,
    });
  });

  it('counts the bytes behind its end, and dates the last line', () => {
    expect(
      usageOf(
        ['000000010000000000000009', 7, 10],
        ['00000001000000000000000A', 1, 20],
        ['00000001000000000000000B', 10, 30],
        ['00000001000000000000000C', 100, 40],
        ['00000001000000000000000D', 1000, 35],
      ),
    ).toEqual({ bytesAfter: 1100, lastTime: 35, fromTheFuture: null });
  });

  it('takes no time from the future, beyond what two clocks may be apart', () => {
    const name = '00000001000000000000000C';
    expect(usageOf(['00000001000000000000000B', 1, 30], [name, 1, 51])).toMatchObject({ lastTime: 51 });
    expect(usageOf(['00000001000000000000000B', 1, 30], [name, 1, 9999])).toMatchObject({
      lastTime: 30,
      fromTheFuture: name,
    });
  });

  it('leaves out labels, partial and history files, and other timelines', () => {
    expect(
      usageOf(
        ['00000001000000000000000A', 1, 20],
        ['00000001000000000000000C.00000028.backup', 300, 99],
        ['00000001000000000000000D.partial', 300, 99],
        ['00000002.history', 300, 99],
        ['00000002000000000000000D', 300, 99],
        ['zzzzzzzzzzzzzzzzzzzzzzzz', 300, 99],
      ),
    ).toEqual({ bytesAfter: 0, lastTime: 20, fromTheFuture: null });
  });
});
