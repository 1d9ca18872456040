import { describe, expect, it } from 'vitest';
import type { ClusterFacts } from '../../../../src/postgres/connections.ts';
import { emptyBackupInfo } from '../../../../src/domain/backup/backup-info.ts';
import { configurationItems, directoryItems, outsideIncludes } from '../../../../src/backup/rsync/items.ts';
import { postgresVersion } from '../../../../src/domain/postgres-version.ts';

const facts: ClusterFacts = {
  pgdata: '/pg/15',
  version: postgresVersion(150_018),
  segmentSize: 16_777_216,
  tablespaces: [
    { name: 'far', oid: 1, location: '/far' },
    { name: 'inside', oid: 2, location: '/pg/15/my [space]' },
    { name: 'in-place', oid: 3, location: 'pg_tblspc/3' },
  ],
  configFile: '/etc/pg/postgresql.conf',
  hbaFile: '/pg/15/pg_hba.conf',
  identFile: '/etc/pg/pg_ident.conf',
  includedFiles: ['/pg/15/postgresql.auto.conf', '/etc/pg/more.conf'],
  dataChecksums: 'on',
  summarizeWal: null,
  clusterSize: 1,
};
const options = { bandwidth: null, tablespaceBandwidth: null, previous: undefined, jobs: 1 };

describe('directoryItems', () => {
  it('are the tablespaces outside of PGDATA, then PGDATA', () => {
    const items = directoryItems(facts, options);
    expect(items.map(({ label, source, target }) => ({ label, source, target }))).toEqual([
      { label: 'far', source: '/far/', target: '1' },
      { label: 'inside', source: '/pg/15/my [space]/', target: '2' },
      { label: 'pgdata', source: '/pg/15/', target: 'data' },
    ]);
    expect(items[0]?.filters.slice(0, 3)).toEqual(['--include=/PG_15_*', '--exclude=/*', '--exclude=pgsql_tmp*']);
    expect(items[2]?.filters.slice(0, 4)).toEqual([
      '--include=/pg_tblspc/3',
      '--exclude=/my \\[space]',
      '--exclude=/pg_tblspc/*',
      '--exclude=/pg_log/*',
    ]);
  });

  it('share a limit among the jobs, a tablespace its own', () => {
    const limits = directoryItems(facts, {
      ...options,
      bandwidth: 1000,
      tablespaceBandwidth: new Map([['far', 100]]),
      jobs: 4,
    });
    expect(limits.map(({ bandwidth }) => bandwidth)).toEqual([25, 250, 250]);
  });

  it('build on an earlier backup only where it knows the tablespace', () => {
    const previous = { ...emptyBackupInfo('20260101T000000'), tablespaces: [{ name: 'x', oid: 2, location: '/x' }] };
    expect(directoryItems(facts, { ...options, previous }).map(({ reusable }) => reusable)).toEqual([
      false,
      true,
      true,
    ]);
  });
});

describe('configuration outside of PGDATA', () => {
  it('is copied under its own name; only pg_ident.conf may be missing', () => {
    expect(
      configurationItems(facts).map(({ label, source, target, optional }) => [label, source, target, optional]),
    ).toEqual([
      ['config_file', '/etc/pg/postgresql.conf', 'data/postgresql.conf', false],
      ['ident_file', '/etc/pg/pg_ident.conf', 'data/pg_ident.conf', true],
    ]);
    expect(outsideIncludes(facts)).toEqual(['/etc/pg/more.conf']);
  });
});
