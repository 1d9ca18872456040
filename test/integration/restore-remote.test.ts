/** Restores onto another host, by a real sshd: files, rows, settings, and what must be refused or survived. */
import { mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, startBarman } from '../support/archiving-server.ts';
import { type Cluster, clusterAt, freePort, temporaryFolder } from '../support/cluster.ts';
import { type RsyncServer, startRsyncServer } from '../support/rsync-server.ts';

let server: RsyncServer;
let place: string;
let id: string;

beforeAll(async () => {
  server = await startRsyncServer();
  expect(await server.box.barman(['backup', '--wait', 'pg'])).toMatchObject({ code: 0 });
  id = (await readdir(server.path('base'))).sort().at(-1) ?? '';
  await server.cluster.sql('INSERT INTO here SELECT 0; SELECT pg_switch_wal()');
  await server.cluster.sql("SELECT pg_create_restore_point('then')");
  await server.cluster.sql('INSERT INTO here SELECT 0; SELECT pg_switch_wal()');
  const last = await server.cluster.sql('SELECT pg_walfile_name(pg_switch_wal())');
  await eventually(
    'the WAL is archived',
    async () => (await server.cluster.sql('SELECT last_archived_wal FROM pg_stat_archiver')) >= last.slice(0, 23),
  );
});
afterAll(() => server?.dispose());
beforeEach(async () => {
  await server.box.barman(['archive-wal', 'pg']);
  place = join(await temporaryFolder('remote'), `it's a place`);
  await mkdir(place);
});
afterEach(async () => {
  await rm(join(place, '..'), { recursive: true, force: true });
  await server.configure();
});

function args(...more: readonly string[]): string[] {
  const spaces = ['near', 'far'].flatMap((name) => ['--tablespace', `${name}:${place}/${name}`]);
  const command = ['--remote-ssh-command', `${server.sshd.sshCommand} target`];
  return ['restore', 'pg', id, `${place}/d`, ...spaces, ...command, ...more];
}

async function rows(): Promise<string> {
  const cluster: Cluster = clusterAt(server.cluster.binDir, `${place}/d`, await freePort(), join(place, '..'));
  await cluster.start();
  try {
    await eventually('recovery ends', async () => (await cluster.sql('SELECT pg_is_in_recovery()')) === 'f');
    return await cluster.sql(
      'SELECT (SELECT count(*) FROM here), (SELECT count(*) FROM nearby), (SELECT count(*) FROM away)',
    );
  } finally {
    await cluster.stop('immediate');
  }
}

describe('a restore onto another host', () => {
  it('brings data, tablespaces and WAL over, and starts', async () => {
    const before = (await server.sshd.log()).match(/Accepted publickey/g)?.length ?? 0;
    const result = await server.box.barman(args());
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    expect(result.stdout.slice(0, result.stdout.indexOf('\n\n'))).toBe(
      [
        `Starting remote restore for server pg using backup ${id}`,
        `Destination directory: ${place}/d`,
        `Remote command: ${server.sshd.sshCommand} target`,
        'Copying the base backup.',
        ...(await Promise.all(
          ['near', 'far'].map(async (name) => {
            const oid = await server.cluster.sql(`SELECT oid FROM pg_tablespace WHERE spcname = '${name}'`);
            return `\t${oid}, ${name}, ${place}/${name}`;
          }),
        )),
        'Copying required WAL segments.',
        'Generating archive status files',
        'Identify dangerous settings in destination directory.',
      ].join('\n'),
    );
    // The whole restore logs in once.
    expect(((await server.sshd.log()).match(/Accepted publickey/g)?.length ?? 0) - before).toBe(1);
    const names = await readdir(`${place}/d`);
    expect(names).toContain('.barman-recover.info');
    expect(names).toContain('postgresql.auto.conf.origin');
    expect((await stat(`${place}/d`)).mode & 0o777).toBe(0o700);
    expect((await stat(`${place}/d/postgresql.auto.conf`)).mode & 0o777).toBe(0o600);
    for (const link of await readdir(`${place}/d/pg_tblspc`)) {
      expect(await readlink(`${place}/d/pg_tblspc/${link}`)).toMatch(/(near|far)$/);
    }
    expect(await rows()).toBe('1002|2000|3000');
  });

  it('recovers to a point, in parallel, compressed on the way', async () => {
    await server.configure('parallel_jobs = 2');
    const options = ['--target-name', 'then', '--target-action', 'promote', '--network-compression'];
    const result = await server.box.barman(args(...options));
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await readFile(`${place}/d/postgresql.auto.conf`, 'utf8')).toContain("recovery_target_name = 'then'");
    expect(await rows()).toBe('1001|2000|3000');
  });

  it('writes a restore_command for that host with --get-wal', async () => {
    await server.configure('parallel_jobs = 2');
    const result = await server.box.barman(args('--get-wal', '--recovery-option-port', '2222'));
    expect(result.code).toBe(0);
    expect(await readFile(`${place}/d/postgresql.auto.conf`, 'utf8')).toMatch(
      /# The 'barman-wal-restore' command is provided in the 'barman-cli' package\nrestore_command = 'barman-wal-restore -P -U \S+ --port 2222 \S+ pg %f %p -p 2'\n/,
    );
    expect(await readdir(`${place}/d`)).toContain('recovery.signal');
  });

  it('refuses a destination with files in it, a relative one, and a host that it cannot reach', async () => {
    await mkdir(`${place}/d`);
    await writeFile(`${place}/d/.hidden`, '');
    const full = await server.box.barman(args());
    expect(full).toMatchObject({ code: 1 });
    expect(full.stderr).toMatch(
      /^ERROR: The restore operation cannot proceed because the destination folder '.*' is not empty\./,
    );
    expect(await readdir(`${place}/d`)).toEqual(['.hidden']);
    const relative = args().map((word) => (word === `${place}/d` ? 'somewhere' : word));
    expect((await server.box.barman(relative)).stderr).toBe(
      "ERROR: Cannot restore to 'somewhere' on another host\nHINT: give an absolute path\n",
    );
    const command = `${server.sshd.sshCommand} -p 1 target`;
    const away = args().map((word) => (word.endsWith(' target') ? command : word));
    expect((await server.box.barman(away)).stderr).toBe(
      `ERROR: Unable to connect to the target host using the command '${command}'\nHINT: ssh: connect to host 127.0.0.1 port 1: Connection refused\n`,
    );
  });

  it('killed in the middle leaves nothing that PostgreSQL would start on', async () => {
    await server.configure('bandwidth_limit = 2048');
    const running = startBarman(server.box, args());
    await eventually('the copy begins', async () =>
      (await readdir(`${place}/d`).catch((): string[] => [])).includes('base'),
    );
    await sleep(500);
    running.child.kill('SIGKILL');
    await running.end;
    expect(await readdir(`${place}/d/global`).catch((): string[] => [])).not.toContain('pg_control');
  });
});
