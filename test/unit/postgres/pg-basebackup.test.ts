import { describe, expect, it } from 'vitest';
import { baseBackupArgs, type BaseBackupOptions } from '../../../src/postgres/pg-basebackup.ts';
import { postgresVersion } from '../../../src/domain/postgres-version.ts';

const V15 = postgresVersion(150_018);
const V14 = postgresVersion(140_020);
const NO_COMPRESSION = { type: null, format: null, location: null, level: null, workers: null } as const;
const PLAIN: BaseBackupOptions = {
  dsn: 'dbname=replication host=127.0.0.1',
  destination: '/home/pg/base/1/data',
  tablespaces: [],
  maxRate: null,
  fastCheckpoint: false,
  compression: NO_COMPRESSION,
  warehousepgDbid: null,
};
const HEAD = ['--dbname=dbname=replication host=127.0.0.1', '-v', '--no-password', '--pgdata=/home/pg/base/1/data'];
const WAL = ['--no-slot', '--wal-method=none'];

describe('baseBackupArgs', () => {
  it('is the recorded order with every option, and leaves flushing to us', () => {
    const args = baseBackupArgs(V15, {
      ...PLAIN,
      tablespaces: [{ location: '/tbs/t1', destination: '/home/pg/base/1/16386' }],
      maxRate: 2048,
      fastCheckpoint: true,
      compression: { type: 'zstd', format: null, location: 'server', level: 3, workers: 2 },
      warehousepgDbid: 7,
    });
    expect(args).toEqual([
      ...HEAD,
      '--target-gp-dbid=7',
      ...WAL,
      '--tablespace-mapping=/tbs/t1=/home/pg/base/1/16386',
      '--max-rate=2048',
      '--no-sync',
      '--checkpoint=fast',
      '--format=tar',
      '--compress=server-zstd:level=3,workers=2',
    ]);
  });

  it('escapes an equals sign in a tablespace location', () => {
    const tablespaces = [{ location: '/tbs/a=b', destination: '/home/pg/base/1/1' }];
    expect(baseBackupArgs(V15, { ...PLAIN, tablespaces })).toContain(
      '--tablespace-mapping=/tbs/a\\=b=/home/pg/base/1/1',
    );
  });

  it('leaves out a limit of zero', () => {
    expect(baseBackupArgs(V15, { ...PLAIN, maxRate: 0 })).toEqual([...HEAD, ...WAL, '--no-sync']);
  });

  it.each([
    [V15, { type: 'gzip' }, ['--format=tar', '--compress=gzip']],
    [V15, { type: 'gzip', location: 'client', level: 5 }, ['--format=tar', '--compress=client-gzip:level=5']],
    [V15, { type: 'lz4', format: 'plain', location: 'server' }, ['--format=plain', '--compress=server-lz4']],
    [V15, { type: 'none' }, ['--format=tar', '--compress=none']],
    [V14, { type: 'gzip', level: 9 }, ['--format=tar', '--compress=9', '--gzip']],
    [V14, { type: 'gzip' }, ['--format=tar', '--gzip']],
    [V14, { type: 'none' }, ['--format=tar', '--compress=0']],
  ] as const)('compression with pg_basebackup %i: %o', (version, compression, expected) => {
    const args = baseBackupArgs(version, { ...PLAIN, compression: { ...NO_COMPRESSION, ...compression } });
    expect(args.slice(HEAD.length + WAL.length)).toEqual(['--no-sync', ...expected]);
  });

  it('knows no slot option before 10', () => {
    expect(baseBackupArgs(postgresVersion(90_624), PLAIN)).toEqual(HEAD);
  });
});
