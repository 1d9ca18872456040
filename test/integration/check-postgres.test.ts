/** Lines of check about PostgreSQL that only a server in trouble has, and what is to be typed then. */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { barmanProgram, makeSandbox, runProgram, type Sandbox, streamingSection } from '../support/sandbox.ts';

let cluster: Cluster;
let box: Sandbox;

beforeAll(async () => {
  box = await makeSandbox();
  cluster = await startCluster({ settings: { archive_mode: 'on', archive_command: '/bin/false' } });
});
afterAll(async () => {
  await box?.barman(['-q', 'receive-wal', '--stop', 'pg']);
  await cluster?.dispose();
  await box?.dispose();
});

const configure = (section: string) => box.writeConfig(section);
async function line(name: string): Promise<string | undefined> {
  const { stdout } = await box.barman(['check', 'pg']);
  return stdout.split('\n').find((text) => text.startsWith(`\t${name}: `));
}

describe('missing privileges', () => {
  it('are named as the statements that grant them', async () => {
    await cluster.sql('CREATE ROLE "no One" LOGIN');
    await configure(
      streamingSection('pg', { ...cluster, conninfo: cluster.conninfo.replace('user=barman', "user='no One'") }),
    );
    const found = await line('missing privileges');
    expect(found).toContain(
      'FAILED (please execute as a superuser in database postgres: GRANT pg_monitor TO "no One"; ',
    );
    const statements = /database postgres: (.*)\)$/.exec(found ?? '')?.[1] ?? '';
    expect(statements.split(';')).toHaveLength(6);
    await cluster.sql(statements);
    expect(await line('missing privileges')).toBeUndefined();
    expect(await line('superuser or standard user with backup privileges')).toMatch(/: OK$/);
  });
});

describe('an archiver that fails', () => {
  beforeAll(async () => {
    await configure(streamingSection('pg', cluster, 'immediate_checkpoint = on'));
    expect(await box.barman(['cron'])).toMatchObject({ code: 0 });
    await cluster.sql('SELECT pg_switch_wal()');
    await eventually(
      'the archiver has failed',
      async () => (await cluster.sql('SELECT failed_count FROM pg_stat_archiver')) !== '0',
      60,
    );
    await eventually('it streams', async () => (await line('receive-wal running'))?.endsWith('OK') === true, 60);
  }, 120_000);

  it('is told by check, as pg_basebackup would wait for it', async () => {
    expect(await line('PostgreSQL archiver')).toMatch(
      /FAILED \(archive_command failed for [0-9A-F]{24} at .*: .* pg_basebackup would wait for ever unless it works again\./,
    );
  });

  it('is told by the backup that waits for it, which ends when it is repaired', async () => {
    await eventually(
      'a backup may start',
      async () => (await box.barman(['check', 'pg'])).stdout.split('FAILED').length === 2,
      60,
    );
    let ended = false;
    const backup = runProgram(barmanProgram, ['-c', box.configFile, 'backup', 'pg']).finally(() => (ended = true));
    await eventually(
      'pg_basebackup waits',
      async () => (await readFile(box.logFile, 'utf8')).includes('is copied and waits until'),
      120,
    );
    expect(ended).toBe(false);
    await cluster.sql("ALTER SYSTEM SET archive_command = '/bin/true'");
    await cluster.sql('SELECT pg_reload_conf()');
    const { code, stderr } = await backup;
    expect(stderr).toMatch(
      /waits until PostgreSQL has archived its last WAL file \(archive_mode = on\)\.\narchive_command fails/,
    );
    expect(stderr.split('is copied and waits').length).toBe(2);
    expect(code).toBe(0);
    await eventually('it archives', async () => (await line('PostgreSQL archiver')) === undefined, 60);
    await cluster.sql("ALTER SYSTEM SET archive_command = ''");
    await cluster.sql('SELECT pg_reload_conf()');
    await eventually(
      'it has no command',
      async () => (await line('PostgreSQL archiver'))?.includes('archive_command is not set') === true,
      60,
    );
  });
});

describe('a password file without a line for streaming', () => {
  it('is told with the line that it lacks', async () => {
    const hba = join(cluster.dataDir, 'pg_hba.conf');
    const text = await readFile(hba, 'utf8');
    await writeFile(hba, `host all,replication streaming_barman 127.0.0.1/32 scram-sha-256\n${text}`);
    await cluster.sql("ALTER ROLE streaming_barman PASSWORD 'pw'");
    await cluster.sql('SELECT pg_reload_conf()');
    const file = join(box.root, 'pass');
    await writeFile(file, `127.0.0.1:${cluster.port}:postgres:streaming_barman:pw\n`, { mode: 0o600 });
    const streamingConninfo = `${cluster.streamingConninfo.replace(' dbname=postgres', '')} passfile=${file}`;
    await configure(streamingSection('pg', { ...cluster, streamingConninfo }));
    expect(await line('password file')).toBe(
      `\tpassword file: FAILED ('${file}' has this user's password for another database only. Please add the line 127.0.0.1:${cluster.port}:replication:streaming_barman:PASSWORD for streaming)`,
    );
    await appendFile(file, `127.0.0.1:${cluster.port}:replication:streaming_barman:pw\n`);
    expect(await line('password file')).toBeUndefined();
    expect(await line('PostgreSQL streaming')).toMatch(/: OK$/);
  });
});
