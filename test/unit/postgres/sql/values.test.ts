import { describe, expect, it } from 'vitest';
import { isLostConnection, sqlStateOf } from '../../../../src/postgres/libpq/failure.ts';
import { readStandbyNames } from '../../../../src/postgres/sql/settings.ts';
import { readTimestamp, readVersion, valueTypes } from '../../../../src/postgres/sql/values.ts';
import { PostgresError } from '../../../../src/domain/errors.ts';

describe('values of PostgreSQL', () => {
  it('reads the version, or says what it cannot read', () => {
    expect(readVersion('15.18 (Debian 15.18-0+deb12u1)')).toBe(150_018);
    expect(() => readVersion('new')).toThrow("cannot read the version 'new' that PostgreSQL reported");
  });

  it('keeps microseconds and the offset of a time', () => {
    expect(readTimestamp('2026-11-21 07:11:49.8411+05:30')).toEqual({
      epochMicros: BigInt(Date.UTC(2026, 10, 21, 1, 41, 49)) * 1000n + 841_100n,
      offsetMinutes: 330,
    });
    expect(readTimestamp('2026-11-21 07:11:49-03')).toEqual({
      epochMicros: BigInt(Date.UTC(2026, 10, 21, 10, 11, 49)) * 1000n,
      offsetMinutes: -180,
    });
    expect(() => readTimestamp('Sat Nov 21')).toThrow("cannot read the time 'Sat Nov 21' that PostgreSQL reported");
  });

  it('converts booleans and integers and nothing else', () => {
    const parse = (oid: number, text: string) => valueTypes.getTypeParser(oid)(text);
    expect([
      parse(16, 't'),
      parse(16, 'f'),
      parse(23, '-5'),
      parse(20, '9007199254740993'),
      parse(1700, '1.50'),
    ]).toEqual([true, false, -5, 9_007_199_254_740_993n, '1.50']);
  });

  it.each<[string, string[]]>([
    ['', ['']],
    ['a, b', ['a', 'b']],
    ['FIRST 2 (barman_receive_wal, "My Name")', ['barman_receive_wal', 'My Name']],
    ['ANY 1 (*)', ['*']],
    ['2 (a,b)', ['a', 'b']],
  ])('reads the names in synchronous_standby_names = %j', (setting, expected) => {
    expect(readStandbyNames(setting)).toEqual(expected);
  });

  it('finds the SQLSTATE in the causes and tells a lost connection from a refused statement', () => {
    const server = (code: string) => Object.assign(new Error('x'), { severity: 'ERROR', code });
    const wrapped = new PostgresError('y', { cause: new PostgresError('x', { cause: server('42501') }) });
    expect(sqlStateOf(wrapped)).toBe('42501');
    expect(sqlStateOf(Object.assign(new Error('x'), { code: 'EPIPE' }))).toBeUndefined();
    expect([wrapped, server('57P01'), server('08006'), new Error('gone')].map(isLostConnection)).toEqual([
      false,
      true,
      true,
      true,
    ]);
  });
});
