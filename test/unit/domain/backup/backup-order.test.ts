import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BackupInfo, emptyBackupInfo } from '../../../../src/domain/backup/backup-info.ts';
import { believedEnd, inOrder, lastEnd, neighbours } from '../../../../src/domain/backup/backup-order.ts';
import { lsn } from '../../../../src/domain/wal/lsn.ts';
import { parseTimestamp } from '../../../../src/domain/time/timestamp.ts';
import { backupOfDay, idOfDay } from '../../../support/backup-infos.ts';
import { always } from '../../../support/fuzz.ts';

const NOW = new Date('2026-12-01T12:00:00Z');

interface Facts {
  readonly begin?: string;
  readonly end?: string;
  readonly position?: number;
  readonly timeline?: number;
  readonly systemid?: string;
}

function backup(backupId: string, { begin, end = begin, position, timeline = 1, systemid = '7' }: Facts): BackupInfo {
  return {
    ...emptyBackupInfo(backupId),
    status: 'DONE',
    systemid,
    timeline,
    beginTime: begin === undefined ? null : (parseTimestamp(begin) ?? null),
    endTime: end === undefined ? null : (parseTimestamp(end) ?? null),
    beginXlog: position === undefined ? null : lsn(BigInt(position)),
  };
}

/** Their ids, oldest first. */
const ordered = (...backups: readonly BackupInfo[]) => inOrder(backups, NOW).map(({ backupId }) => backupId);

describe('inOrder', () => {
  it('goes by the moment where the local time went back', () => {
    const summer = backup('20251026T023000', { begin: '2025-10-26 00:30:00+00:00', position: 10 });
    const winter = backup('20251026T021500', { begin: '2025-10-26 02:15:00+01:00', position: 20 });
    expect(ordered(winter, summer)).toEqual(['20251026T023000', '20251026T021500']);
  });

  it('needs no WAL position for that', () => {
    const first = backup('20260601T140000', { begin: '2026-06-01 14:00:00+02:00' });
    const inUtc = backup('20260601T123000', { begin: '2026-06-01 12:30:00+00:00' });
    expect(ordered(inUtc, first)).toEqual(['20260601T140000', '20260601T123000']);
  });

  it('goes by the WAL position where a clock of one timeline was ahead or behind', () => {
    const ahead = backup('20270101T000000', { begin: '2027-01-01 00:00:00+00:00', position: 10 });
    const behind = backup('19700101T000000', { begin: '1970-01-01 00:00:00+00:00', position: 20 });
    const right = backup('20261130T000000', { begin: '2026-11-30 00:00:00+00:00', position: 30 });
    expect(ordered(right, behind, ahead)).toEqual(['20270101T000000', '19700101T000000', '20261130T000000']);
  });

  it('goes on doing so once the moment that was ahead has come', () => {
    const ahead = backup('20261130T000000', { begin: '2026-11-30 00:00:00+00:00', position: 10 });
    const right = backup('20261101T000000', { begin: '2026-11-01 00:00:00+00:00', position: 20 });
    const promoted = backup('20261115T000000', { begin: '2026-11-15 00:00:00+00:00', position: 15, timeline: 2 });
    expect(ordered(ahead, right, promoted)).toEqual(['20261130T000000', '20261101T000000', '20261115T000000']);
  });

  it('compares no positions of other timelines and clusters, nor where the cluster is not known', () => {
    const first = backup('20261101T000000', { begin: '2026-11-01 00:00:00+00:00', position: 100 });
    const back = backup('20261102T000000', { begin: '2026-11-02 00:00:00+00:00', position: 50, timeline: 2 });
    const other = backup('20261103T000000', { begin: '2026-11-03 00:00:00+00:00', position: 5, systemid: '8' });
    expect(ordered(other, back, first)).toEqual(['20261101T000000', '20261102T000000', '20261103T000000']);
    const unknown = [first, { ...back, timeline: 1 }].map((info) => ({ ...info, systemid: null }));
    expect(ordered(...unknown)).toEqual(['20261101T000000', '20261102T000000']);
  });

  it('lets no backup from the future be the newest', () => {
    const future = backup('20990101T000000', { begin: '2099-01-01 00:00:00+00:00', position: 10, systemid: '8' });
    const right = backup('20261101T000000', { begin: '2026-11-01 00:00:00+00:00', position: 20 });
    expect(ordered(future, right)).toEqual(['20990101T000000', '20261101T000000']);
  });

  it('puts one from the future, with nothing behind it in the WAL, behind the one before it', () => {
    const before = backup('20261001T000000', { begin: '2026-10-01 00:00:00+00:00', position: 10 });
    const future = backup('20990101T000000', { begin: '2099-01-01 00:00:00+00:00', position: 20 });
    const later = backup('20261101T000000', { begin: '2026-11-01 00:00:00+00:00', position: 15, timeline: 2 });
    expect(ordered(later, future, before)).toEqual(['20261001T000000', '20990101T000000', '20261101T000000']);
  });

  it('believes the id where the clock of the database host is ahead', () => {
    const ahead = backup('20261130T000000', { begin: '2026-12-24 00:00:00+00:00', systemid: '8' });
    const right = backup('20261129T000000', { begin: '2026-11-29 00:00:00+00:00' });
    expect(ordered(ahead, right)).toEqual(['20261129T000000', '20261130T000000']);
  });

  it('goes by times alone when our own clock is behind them all', () => {
    const first = backup('20991001T000000', { begin: '2099-10-01 00:00:00+00:00', systemid: '9' });
    const second = backup('20991101T000000', { begin: '2099-11-01 00:00:00+00:00', systemid: '8' });
    expect(ordered(second, first)).toEqual(['20991001T000000', '20991101T000000']);
  });

  it('goes by the id where nothing else is recorded', () => {
    const ids = ['20261101T000000', '20261101T000001', '20261102T000000'];
    expect(ordered(...ids.toReversed().map((id) => emptyBackupInfo(id)))).toEqual(ids);
    const begun = [backupOfDay(2), backupOfDay(5, { endTime: backupOfDay(2).endTime }), backupOfDay(7)];
    const others = [1, 4, 6, 9].map((day) => emptyBackupInfo(idOfDay(day)));
    expect(ordered(...others, ...begun)).toEqual([1, 2, 4, 5, 6, 7, 9].map(idOfDay));
  });

  it('is one and the same whatever order they come in, and never against the WAL', () => {
    const some = fc.array(
      fc.record({
        day: fc.nat({ max: 60 }),
        clock: fc.option(fc.nat({ max: 60 })),
        position: fc.option(fc.nat({ max: 20 })),
        timeline: fc.integer({ min: 1, max: 3 }),
        systemid: fc.constantFrom('7', '8'),
      }),
      { maxLength: 8 },
    );
    always(
      some.chain((facts) => {
        const backups = facts.map(({ day, clock, position, timeline, systemid }, index) => {
          const date = (number: number) => new Date(Date.UTC(2026, 10, number, 4, 0, index)).toISOString();
          const id = date(day).replace(/[-:]|\.000Z/g, '');
          const begin = clock === null ? {} : { begin: date(clock) };
          return backup(id, { ...begin, ...(position === null ? {} : { position }), timeline, systemid });
        });
        return fc.tuple(fc.constant(backups), fc.shuffledSubarray(backups, { minLength: backups.length }));
      }),
      ([backups, shuffled]) => {
        const order = inOrder(backups, NOW);
        expect(ordered(...shuffled)).toEqual(order.map(({ backupId }) => backupId));
        for (const [place, info] of order.entries()) {
          const wrong = order
            .slice(place + 1)
            .filter(({ systemid, timeline }) => systemid === info.systemid && timeline === info.timeline)
            .filter(({ beginXlog }) => beginXlog !== null && info.beginXlog !== null && beginXlog < info.beginXlog);
          expect(wrong).toEqual([]);
        }
      },
      2_000,
    );
  });
});

describe('neighbours', () => {
  const backups = [
    backupOfDay(1, { status: 'FAILED' }),
    backupOfDay(2),
    backupOfDay(3),
    backupOfDay(4, { status: 'WAITING_FOR_WALS' }),
    backupOfDay(5, { status: 'WAITING_FOR_WALS' }),
    backupOfDay(7, { status: 'STARTED' }),
  ];

  it('are the nearest backups that can be restored', () => {
    const of = (day: number) => {
      const { previous, next } = neighbours(idOfDay(day), backups);
      return [previous?.backupId, next?.backupId];
    };
    expect(of(3)).toEqual([idOfDay(2), idOfDay(4)]);
    expect(of(1)).toEqual([undefined, idOfDay(2)]);
    expect(of(7)).toEqual([idOfDay(5), undefined]);
  });

  it('of one that is not listed are those before it', () => {
    expect(neighbours(idOfDay(8), backups)).toMatchObject({ previous: { backupId: idOfDay(5) }, next: undefined });
  });
});

describe('the end of a backup', () => {
  it('is believed when it is over, else the id is, else nothing', () => {
    const over = backup('20261101T000000', { end: '2026-11-01 01:00:00+00:00' });
    expect(believedEnd(over, NOW)).toBe(Date.UTC(2026, 10, 1, 1) / 1000);
    const ahead = backup('20261101T000000', { end: '2027-11-01 01:00:00+00:00' });
    expect(believedEnd(ahead, NOW)).toBe(new Date(2026, 10, 1).getTime() / 1000);
    expect(believedEnd({ ...ahead, backupId: '20271101T000000' }, NOW)).toBe(null);
    expect(believedEnd(backup('20261101T000000', {}), NOW)).toBe(null);
  });

  it('is that of the newest that can be believed', () => {
    const right = backup('20261101T000000', { begin: '2026-11-01 01:00:00+00:00', position: 1 });
    const future = backup('20990101T000000', { begin: '2099-01-01 00:00:00+00:00', position: 2 });
    expect(lastEnd(inOrder([future, right], NOW), NOW)).toEqual({
      seconds: Date.UTC(2026, 10, 1, 1) / 1000,
      fromTheFuture: ['20990101T000000'],
    });
    expect(lastEnd([], NOW)).toEqual({ seconds: null, fromTheFuture: [] });
  });
});
