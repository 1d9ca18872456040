/** diagnose beside the reference: a running PostgreSQL, a host behind ssh, models, servers in every state, and no secret. */
import { mkdir, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogHome, segments, span } from '../support/catalog-home.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { makeSandbox, referenceFolder, type Sandbox, streamingSection } from '../support/sandbox.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';

const SECRETS = ['hush1', 'hush2', 'hush 3', 'hush4', 'hush5', 'hush6'];

describe.skipIf(referenceFolder === undefined)('diagnose', () => {
  let cluster: Cluster;
  let sshd: Sshd;
  let box: Sandbox;

  beforeAll(async () => {
    [cluster, sshd, box] = await Promise.all([
      // Autovacuum would change the size of the cluster between the two programs.
      startCluster({
        settings: { archive_mode: 'on', archive_command: 'PGPASSWORD=hush4 /bin/true', autovacuum: 'off' },
      }),
      startSshd(),
      makeSandbox(),
    ]);
    await cluster.sql("SELECT pg_create_physical_replication_slot('barman', true); SELECT pg_switch_wal()");
    const down = 'conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on';
    const included = join(box.root, 'conf.d');
    await mkdir(included);
    await writeFile(join(included, 'down.conf'), `[down]\n${down}\nretention_policy = REDUNDANCY 2\n`);
    await box.writeConfig(
      [
        streamingSection(
          'pg',
          cluster,
          'archiver = on\nlast_wal_maximum_age = 2 HOURS\nlast_backup_minimum_size = 1 Mi',
        ),
        `[files]\nconninfo = ${cluster.conninfo}\narchiver = on\nssh_command = ${sshd.sshCommand} pghost\nbackup_options = concurrent_backup`,
        `[unreachable]\n${down}\nssh_command = ssh -o ConnectTimeout=2 -p 1 nobody@127.0.0.1`,
        '[broken]\nbackup_method = postgres\nstreaming_archiver = on\nconninfo = host',
        '[idle]\nactive = off\nlast_backup_maximum_age = 1 WEEK',
        '[node]\nprimary_ssh_command = ssh -p 1 barman@127.0.0.1',
        `[switched]\n${down}\ncluster = c\nretention_policy = RECOVERY WINDOW OF 2 WEEKS`,
        '[m1]\nmodel = on\ncluster = c\nparallel_jobs = 4\nlast_wal_maximum_age = 1 DAY\nretention_policy = REDUNDANCY 2',
      ].join('\n'),
      `configuration_files_directory = ${included}\ncompression = gzip`,
    );
    await mkdir(join(box.home, 'switched'), { recursive: true });
    await writeFile(join(box.home, 'switched', '.active-model.auto'), 'm1');
    const home = catalogHome(box.home);
    await home.addBackup('down', '20261101T040000', {
      ...span(3, 4),
      backup_name: 'weekly',
      tablespaces: "[('ts1', 16386, '/s 1')]",
      begin_time: '2026-11-02 04:00:00-03:30',
      copy_stats: "{'total_time': 5.0, 'number_of_workers': 3, 'copy_time_per_item': {'pgdata': 0.5}}",
      children_backup_ids: '20261103T040000,20261104T040000',
    });
    await home.addBackup('down', '20261105T040000', { ...span(5, 5), status: 'FAILED', error: 'it was late' });
    await home.writeWals('down', [...segments(1, 6), ...segments(5, 7, 2)]);
  });
  afterAll(async () => {
    await Promise.all([cluster?.dispose(), sshd?.dispose(), box?.dispose()]);
  });

  /** What a run moves, and what is of the program itself. */
  const settled = (text: string) =>
    text
      .replace(/"timestamp": ".*"/, '"timestamp": NOW')
      .replace(/("python_executable"|"python_ver"): ".*"/g, '$1: OWN')
      .replace(/"ssh_ver": ".*"/g, '"ssh_ver": OWN')
      .replace(/"current_archived_wals_per_second": [\d.e-]+/g, '"current_archived_wals_per_second": RATE')
      .replace(/"(current_lsn|current_xlog|xlogpos)": "[0-9A-F/]+"/g, '"$1": POSITION')
      // compat 3.20.1: shows and quotes a connection string that cannot be read, of which nobody knows where its password is.
      .replace(/("(?:streaming_)?(?:conninfo|value)": )"host"/g, '$1"*REDACTED*"')
      .replace(/(Cannot connect to postgres: ).*( is not a valid connection string).*?(",?)$/gm, '$1$2$3')
      .replaceAll('hush4', '*REDACTED*');
  const env = () => ({ ...sshd.env, TZ: 'Europe/Rome' });

  it.each([[['diagnose']], [['diagnose', '--show-config-source']], [['-f', 'json', 'diagnose']], [['-q', 'diagnose']]])(
    '%j is the same text',
    async (args) => {
      const theirs = await box.reference(args, { env: env() });
      const ours = await box.barman(args, { env: env() });
      const [text, expected] = [ours, theirs].map(({ stdout }) =>
        args[1] === 'json' ? (Object.values(JSON.parse(stdout) as Record<string, string[]>)[0]?.[0] ?? '') : stdout,
      );
      expect(settled(text ?? '')).toBe(settled(expected ?? ''));
      expect({ code: ours.code, stderr: ours.stderr }).toEqual({ code: theirs.code, stderr: theirs.stderr });
    },
  );

  it('has asked the host behind ssh, and does without the one that is not there', async () => {
    const { stdout } = await box.barman(['diagnose'], { env: env() });
    const { servers } = JSON.parse(stdout) as { servers: Record<string, { system_info?: Record<string, string> }> };
    expect(servers.files?.system_info?.kernel_ver).toMatch(/^Linux /);
    expect(servers.unreachable).toBeDefined();
    expect(servers.unreachable).not.toHaveProperty('system_info');
  });

  it('does not wait for a host that says nothing', async () => {
    const other = await makeSandbox();
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    try {
      const { port } = silent.address() as AddressInfo;
      await other.writeConfig(`[a]\nactive = off\nssh_command = ssh -o ConnectTimeout=2 -p ${port} nobody@127.0.0.1`);
      const { code, stdout } = await other.barman(['diagnose']);
      expect(code).toBe(0);
      expect((JSON.parse(stdout) as { servers: Record<string, object> }).servers.a).not.toHaveProperty('system_info');
    } finally {
      await other.dispose();
      silent.close();
    }
  });

  it('goes on when servers share a directory', async () => {
    const other = await makeSandbox();
    try {
      await other.writeConfig(
        '[a]\nactive = off\n[b]\nactive = off\nbackup_directory = %(x)s\nx = ' + join(other.home, 'a'),
      );
      const [theirs, ours] = [await other.reference(['diagnose']), await other.barman(['diagnose'])];
      expect(settled(ours.stdout)).toBe(settled(theirs.stdout));
      expect([ours.code, ours.stderr]).toEqual([theirs.code, theirs.stderr]);
      expect(ours.stdout).toContain('Conflicting path: backup_directory=');
    } finally {
      await other.dispose();
    }
  });

  it('holds no secret and stays JSON, whatever a password looks like', async () => {
    const other = await makeSandbox();
    try {
      await other.writeConfig(
        [
          '[a]\nconninfo = host=127.0.0.1 port=1 password=hush1\nstreaming_conninfo = host=h password=hush2}"',
          "[b]\nactive = off\nconninfo = password = 'hush 3' host=h\nprimary_conninfo = postgres://u:hush5@h/db?sslpassword=hush6",
          '[c]\nactive = off\naws_sse_customer_key = hush5',
          '[m]\nmodel = on\ncluster = a\nconninfo = password=hush1',
        ].join('\n'),
        'aws_sse_customer_key = hush6\nssh_command = PGPASSWORD=hush1 ssh h',
      );
      for (const args of [['diagnose'], ['diagnose', '--show-config-source'], ['-f', 'json', 'diagnose']]) {
        const { stdout, stderr } = await other.barman(args);
        for (const secret of SECRETS) expect(stdout + stderr).not.toContain(secret);
        expect(() => JSON.parse(stdout) as unknown).not.toThrow();
      }
      const { stdout } = await box.barman(['diagnose'], { env: env() });
      expect(stdout).toContain('PGPASSWORD=*REDACTED* /bin/true');
    } finally {
      await other.dispose();
    }
  });
});
