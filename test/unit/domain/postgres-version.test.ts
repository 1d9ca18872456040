import { describe, expect, it } from 'vitest';
import {
  firstWith,
  has,
  isOfReleaseOrLater,
  majorText,
  parsePostgresVersion,
  postgresVersion,
  type PostgresFeature,
  walDirectoryName,
} from '../../../src/domain/postgres-version.ts';

describe('PostgresVersion', () => {
  it.each([
    ['15.18 (Debian 15.18-0+deb12u1)', 150_018, '15'],
    ['9.6.24', 90_624, '9.6'],
    ['10.1', 100_001, '10'],
    ['10', 100_000, '10'],
    ['18beta1', 180_000, '18'],
    ['19devel', 190_000, '19'],
    // EnterpriseDB's programs add a component.
    ['16.2.0', 160_002, '16'],
  ])('reads %s', (text, number, major) => {
    const version = parsePostgresVersion(text);
    expect(version).toBe(number);
    expect(version && majorText(version)).toBe(major);
  });

  it('reads nothing else', () => {
    expect(['', 'PostgreSQL 15', 'v15', '.6'].map(parsePostgresVersion)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it.each<[PostgresFeature, number, number]>([
    ['judgedClient', 90_224, 90_300],
    ['autoConf', 90_324, 90_400],
    ['targetImmediate', 90_324, 90_400],
    ['receiveWithSlot', 90_324, 90_400],
    ['basebackupMapping', 90_324, 90_400],
    ['targetAction', 90_426, 90_500],
    ['receiveSynchronously', 90_426, 90_500],
    ['backup', 90_525, 90_600],
    ['walNames', 90_624, 100_000],
    ['monitoringRoles', 90_624, 100_000],
    ['stopWithoutWaiting', 90_624, 100_000],
    ['targetLsn', 90_624, 100_000],
    ['basebackupWithoutWal', 90_624, 100_000],
    ['segmentSizeInBytes', 100_023, 110_000],
    ['recoverySignal', 110_022, 120_000],
    ['followsLatestTimeline', 110_022, 120_000],
    ['walKeepSize', 120_022, 130_000],
    ['backupProgress', 120_022, 130_000],
    ['idleSessionTimeout', 130_023, 140_000],
    ['backupStart', 140_020, 150_000],
    ['serverCompression', 140_020, 150_000],
    ['basebackupCompressionMethods', 140_020, 150_000],
    ['walSummaries', 160_011, 170_000],
    ['incrementalBackup', 160_011, 170_000],
    ['boundaryInNextSegment', 160_011, 170_000],
    ['verifiesTar', 170_007, 180_000],
  ])('%s: not in %i, but in %i', (feature, last, first) => {
    expect([last, first].map((number) => has(postgresVersion(number), feature))).toEqual([false, true]);
  });

  it('knows what went away', () => {
    expect([140_020, 150_000].map((number) => has(postgresVersion(number), 'exclusiveBackup'))).toEqual([true, false]);
  });

  it('names the first release with a feature', () => {
    expect([firstWith('targetLsn'), firstWith('targetImmediate')]).toEqual(['10', '9.4']);
  });

  it.each([
    [150_001, 150_018, true],
    [160_000, 150_018, true],
    [140_020, 150_001, false],
    [90_601, 90_624, true],
    [90_525, 90_600, false],
    [100_000, 90_624, true],
    [90_624, 100_000, false],
  ])('a client of %i beside a server of %i: %s', (client, server, expected) => {
    expect(isOfReleaseOrLater(postgresVersion(client), postgresVersion(server))).toBe(expected);
  });

  it('names the WAL directory', () => {
    expect([90_624, 100_000].map(postgresVersion).map(walDirectoryName)).toEqual(['pg_xlog', 'pg_wal']);
  });
});
