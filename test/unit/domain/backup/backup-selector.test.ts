import { describe, expect, it } from 'vitest';
import { chainOf, selectBackup } from '../../../../src/domain/backup/backup-selector.ts';
import { backupOfDay, idOfDay } from '../../../support/backup-infos.ts';

const backups = [
  backupOfDay(1, { status: 'FAILED' }),
  backupOfDay(2, { backupName: 'weekly' }),
  backupOfDay(3, { parentBackupId: idOfDay(2), backupName: 'twice' }),
  backupOfDay(4, { status: 'WAITING_FOR_WALS', backupName: 'twice' }),
  backupOfDay(5, { status: 'WAITING_FOR_WALS', parentBackupId: idOfDay(4) }),
  backupOfDay(6, { status: 'FAILED', backupName: 'weekly' }),
  backupOfDay(7, { status: 'STARTED' }),
];

/** The id that a text means, or the kind of its failure. */
function chosen(text: string, among = backups): string {
  const selection = selectBackup(among, text);
  if (selection.kind === 'found') return selection.info.backupId;
  return selection.kind === 'ambiguous' ? selection.ids.join(' ') : 'unknown';
}

describe('selectBackup', () => {
  it.each([
    ['latest', 5],
    ['last', 5],
    ['oldest', 2],
    ['first', 2],
    ['latest-full', 4],
    ['last-full', 4],
    ['last-failed', 6],
    [idOfDay(7), 7],
    ['weekly', 2],
  ])('%s', (text, day) => {
    expect(chosen(text)).toBe(idOfDay(day));
  });

  it.each(['auto', 'LATEST', '20261101', `${idOfDay(2)}extra`, '20200101T000000', 'week', '', ' '])(
    'knows no %j',
    (text) => {
      expect(chosen(text)).toBe('unknown');
    },
  );

  it('names all that share a name', () => {
    expect(chosen('twice')).toBe(`${idOfDay(3)} ${idOfDay(4)}`);
  });

  it('takes a part of last-failed for the whole, as the reference does, unless a backup has that name', () => {
    expect(chosen('failed')).toBe(idOfDay(6));
    expect(chosen('t-f')).toBe(idOfDay(6));
    expect(chosen('failed', [...backups, backupOfDay(8, { backupName: 'failed' })])).toBe(idOfDay(8));
    expect(chosen('failed', [backupOfDay(2)])).toBe('unknown');
  });

  it('passes over a backup that is not whole, unless its id is given', () => {
    const flaw = { kind: 'missing', path: '/base', reason: '' } as const;
    const flaws = new Map([2, 4, 5].map((day) => [idOfDay(day), flaw]));
    const choose = (text: string) => selectBackup(backups, text, flaws);
    expect(choose('latest')).toMatchObject({ info: { backupId: idOfDay(3) } });
    expect(choose('first')).toMatchObject({ info: { backupId: idOfDay(3) } });
    expect(choose('latest-full')).toEqual({ kind: 'unknown' });
    expect(choose(idOfDay(5))).toMatchObject({ info: { backupId: idOfDay(5) } });
  });

  it('finds nothing in an empty catalog', () => {
    for (const text of ['latest', 'oldest', 'latest-full', 'last-failed', idOfDay(1), 'weekly']) {
      expect(chosen(text, [])).toBe('unknown');
    }
  });
});

describe('chainOf', () => {
  const ids = (day: number, among = backups) =>
    chainOf(among.find(({ backupId }) => backupId === idOfDay(day)) ?? backupOfDay(day), among).map(
      ({ backupId }) => backupId,
    );

  it('goes up to the root', () => {
    expect(ids(5)).toEqual([idOfDay(5), idOfDay(4)]);
    expect(ids(2)).toEqual([idOfDay(2)]);
  });

  it('ends at a parent that is missing or empty, and at a cycle', () => {
    expect(ids(1, [backupOfDay(1, { parentBackupId: '20200101T000000' })])).toEqual([idOfDay(1)]);
    expect(ids(2, [backupOfDay(1, { status: 'EMPTY' }), backupOfDay(2, { parentBackupId: idOfDay(1) })])).toEqual([
      idOfDay(2),
    ]);
    expect(
      ids(2, [backupOfDay(1, { parentBackupId: idOfDay(2) }), backupOfDay(2, { parentBackupId: idOfDay(1) })]),
    ).toEqual([idOfDay(2), idOfDay(1)]);
  });
});
