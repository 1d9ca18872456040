/**
 * A barman_home with every kind of catalog, made by running a Barman on one small PostgreSQL: streaming backups in compressed
 * tar files, local-rsync with hard links and a tablespace, a timeline switch, failed, waiting, named and kept backups.
 * Recorded and hand-made catalogs that no PostgreSQL of this machine can make are put beside them.
 */
import { execFile, spawn } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';
import { catalogHome, segments, span, UNSTARTED } from './catalog-home.ts';
import { type Cluster, startCluster } from './cluster.ts';
import { type ProgramResult, type Sandbox } from './sandbox.ts';

const exec = promisify(execFile);
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

/** Which program makes the catalogs. */
export type Maker = 'reference' | 'barman';

/** Servers whose catalogs a Barman makes. */
const MADE = ['files', 'plain', 'stream'] as const;

const ALL = [
  'broken',
  'chain',
  'empty',
  'files',
  'gz',
  'idle',
  'kept',
  'live',
  'mixed',
  'node',
  'plain',
  'rs',
  'stream',
];

/** One database, no autovacuum, 1 MiB segments: backups of 8 MB in 300 files, and WAL that costs nothing. */
export async function startSmallCluster(): Promise<Cluster> {
  const cluster = await startCluster({
    initdbArgs: ['--wal-segsize=1'],
    settings: {
      archive_mode: 'on',
      archive_command: '/bin/true',
      autovacuum: 'off',
      checkpoint_timeout: '1h',
      min_wal_size: '2MB',
      max_wal_size: '32MB',
    },
  });
  await cluster.sql('UPDATE pg_database SET datistemplate = false, datallowconn = true');
  for (const name of ['template0', 'template1']) await cluster.sql(`DROP DATABASE ${name}`);
  const far = join(cluster.dataDir, '..', 'far');
  await mkdir(far);
  await cluster.sql(`CREATE TABLESPACE far LOCATION '${far}'`);
  await cluster.sql('CREATE TABLE away TABLESPACE far AS SELECT generate_series(1, 1000) AS n');
  return cluster;
}

/** The configuration of all servers; `port` other than the cluster's makes one in which PostgreSQL is down. */
export function seedSections(box: Sandbox, cluster: Cluster, port = cluster.port): string {
  const conninfo = (user: string) => `host=127.0.0.1 port=${port} user=${user} dbname=postgres`;
  const section = (name: string, text: string) => `[${name}]\n${text.trim().replaceAll(/^ +/gm, '')}\n`;
  const both = `conninfo = ${conninfo('barman')}
    streaming_conninfo = ${conninfo('streaming_barman')}
    path_prefix = ${cluster.binDir}`;
  const postgres = `${both}
    backup_method = postgres
    immediate_checkpoint = true`;
  return [
    section(
      'stream',
      `description = Streaming, compressed
      ${postgres}
      streaming_archiver = on
      slot_name = stream_slot
      compression = gzip
      backup_compression = gzip
      retention_policy = REDUNDANCY 2
      last_backup_maximum_age = 2 DAYS
      last_wal_maximum_age = 1 DAY
      cluster = one`,
    ),
    section(
      'files',
      `description = "rsync, hard links"
      ${both}
      backup_method = local-rsync
      immediate_checkpoint = true
      backup_options = concurrent_backup
      reuse_backup = link
      archiver = on
      compression = xz
      retention_policy = RECOVERY WINDOW OF 1 DAY
      minimum_redundancy = 1`,
    ),
    section('plain', `${postgres}\narchiver = on\nminimum_redundancy = 2\nlast_backup_minimum_size = 1 Mi`),
    section(
      'live',
      `description = With WAL that arrives
      ${postgres}
      archiver = on
      incoming_wals_directory = ${join(box.root, 'live-incoming')}`,
    ),
    section('chain', `${postgres}\narchiver = on\nretention_policy = REDUNDANCY 1`),
    section('mixed', `${postgres}\narchiver = on\ndescription = Every kind of record`),
    section('kept', `${postgres}\narchiver = on\nretention_policy = REDUNDANCY 1`),
    section('gz', `${postgres}\narchiver = on`),
    section('rs', `${both}\nbackup_method = local-rsync\nbackup_options = concurrent_backup\narchiver = on`),
    section('empty', `${postgres}\narchiver = on\nretention_policy = REDUNDANCY 1`),
    section('idle', `active = false\n${postgres}\narchiver = on`),
    section('broken', `description = No slot\n${postgres}\nstreaming_archiver = on`),
    section('node', 'description = Passive\nprimary_ssh_command = ssh -p 1 -o ConnectTimeout=1 nobody@127.0.0.1'),
    section('fast', 'model = true\ncluster = one\nparallel_jobs = 4\ndescription = Now fast'),
    section('other', 'model = true\ncluster = two\nparallel_jobs = 2'),
    '',
  ].join('\n');
}

/** Makes everything in the sandbox's home; the cluster runs on, on timeline 2, and archives into `live-incoming`. */
export async function makeSeed(box: Sandbox, cluster: Cluster, maker: Maker): Promise<void> {
  const run = (...args: string[]) => box[maker](args);
  const incoming = (name: string) => join(box.home, name, 'incoming');
  await box.writeConfig(seedSections(box, cluster));
  for (const name of ['plain', 'files']) await mkdir(incoming(name), { recursive: true });
  await mkdir(join(box.root, 'live-incoming'), { recursive: true });
  await archiveInto(cluster, MADE.filter((name) => name !== 'stream').map(incoming));
  await Promise.all([putRecorded(box), makeByHand(box)]);
  // Makes the folders that are missing; the homes of 3.4.0 stay as they are.
  await run('check', ...ALL.filter((name) => name !== 'gz' && name !== 'rs'));
  await cluster.sql(
    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'stream_slot'",
  );
  must(await run('receive-wal', '--create-slot', 'stream'));
  let receiver = await startReceiver(box, cluster, maker);
  try {
    await cluster.sql('CREATE TABLE IF NOT EXISTS one AS SELECT generate_series(1, 1000) AS n; SELECT pg_switch_wal()');
    await Promise.all([
      run('backup', '--wait', '--name', 'weekly', 'stream').then(must),
      run('backup', '--wait', '--name', 'monthly', 'plain').then(must),
      run('backup', '--wait', 'files').then(must),
    ]);
    await cluster.sql('INSERT INTO one SELECT generate_series(1, 9000); SELECT pg_switch_wal()');
    await Promise.all([
      run('backup', '--wait', 'stream').then(must),
      run('backup', '--wait', '--name', 'twice', 'plain').then(must),
      run('backup', '--wait', '--name', 'again', 'files').then(must),
    ]);
    must(await run('keep', '--target', 'standalone', 'stream', 'weekly'));
    must(await run('keep', '--target', 'full', 'plain', 'monthly'));
    await failBackup(box, cluster, maker);
    await receiver.stop();
    await switchTimeline(cluster);
    receiver = await startReceiver(box, cluster, maker);
    await Promise.all([
      run('backup', '--wait', '--name', 'twice', 'plain').then(must),
      run('backup', '--wait', 'stream').then(must),
    ]);
    await Promise.all(MADE.map((name) => run('archive-wal', name)));
    await archiveInto(cluster, [join(box.root, 'live-incoming')]);
    // Its WAL never arrives, so that it stays WAITING_FOR_WALS; a file that is no WAL and a waiting segment lie beside.
    must(await run('backup', 'plain'));
  } finally {
    await receiver.stop();
  }
  await cluster.sql('SELECT pg_switch_wal()');
  await writeFile(join(incoming('plain'), 'notes.txt'), 'no WAL\n');
  await queueNextSegment(box, cluster);
}

function must(result: ProgramResult): void {
  if (result.code !== 0) throw new Error(`seeding failed: ${result.stdout}${result.stderr}`);
}

async function archiveInto(cluster: Cluster, folders: readonly string[]): Promise<void> {
  const push = (folder: string) => `cp %p ${folder}/.%f.tmp && mv ${folder}/.%f.tmp ${folder}/%f`;
  await cluster.sql(`ALTER SYSTEM SET archive_command = '${folders.map(push).join(' && ')}'`);
  await cluster.sql('SELECT pg_reload_conf()');
}

async function startReceiver(box: Sandbox, cluster: Cluster, maker: Maker): Promise<{ stop(): Promise<void> }> {
  const child = spawn(box.programs[maker], ['-q', '-c', box.configFile, 'receive-wal', 'stream'], {
    env: { ...process.env, TZ: 'UTC' },
    stdio: 'ignore',
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await eventually('streaming', async () => {
    const active = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'stream_slot' AND active";
    return (await cluster.sql(active)) === '1';
  });
  return {
    stop: async () => {
      child.kill('SIGINT');
      await ended;
    },
  };
}

/** A pg_basebackup that fails after it started: status FAILED with its words. */
async function failBackup(box: Sandbox, cluster: Cluster, maker: Maker): Promise<void> {
  const folder = join(box.root, 'failing');
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'pg_basebackup'),
    '#!/bin/sh\nif [ "$1" = --version ]; then echo "pg_basebackup (PostgreSQL) 15.4"; exit 0; fi\necho "no luck" >&2; exit 1\n',
  );
  await chmod(join(folder, 'pg_basebackup'), 0o755);
  for (const name of ['pg_receivewal', 'psql']) {
    await writeFile(join(folder, name), `#!/bin/sh\nexec ${join(cluster.binDir, name)} "$@"\n`);
    await chmod(join(folder, name), 0o755);
  }
  const config = join(box.root, 'failing.conf');
  const text = seedSections(box, cluster).replaceAll(cluster.binDir, folder);
  await writeFile(config, `${box.globalSection()}\n${text}`);
  const result = await box[maker](['-c', config, 'backup', 'stream'], { withoutConfig: true });
  if (!result.stderr.includes('no luck')) throw new Error(`that backup should fail: ${result.stdout}${result.stderr}`);
}

/** An archive recovery that ends at once: 00000002.history and the .partial of timeline 1 are archived. */
async function switchTimeline(cluster: Cluster): Promise<void> {
  await cluster.stop();
  await writeFile(join(cluster.dataDir, 'recovery.signal'), '');
  await writeFile(
    join(cluster.dataDir, 'postgresql.auto.conf'),
    "restore_command = '/bin/false'\nrecovery_target_action = 'promote'\n",
    { flag: 'a' },
  );
  await cluster.start();
  await eventually('promotion', async () => (await cluster.sql('SELECT pg_is_in_recovery()')) === 'f', 60);
}

/** The segment that `plain` needs next, as if PostgreSQL had just pushed it. */
async function queueNextSegment(box: Sandbox, cluster: Cluster): Promise<void> {
  const archived = (await readdir(join(box.home, 'plain', 'wals'), { recursive: true }))
    .map((name) => name.split('/').at(-1) ?? '')
    .filter((name) => /^[0-9A-F]{24}$/.test(name));
  const last = archived.sort().at(-1) ?? '';
  const next = (await readdir(join(cluster.dataDir, 'pg_wal')))
    .sort()
    .find((name) => /^[0-9A-F]{24}$/.test(name) && name > last);
  if (next === undefined) throw new Error('no segment is left in pg_wal');
  await copyFile(join(cluster.dataDir, 'pg_wal', next), join(box.home, 'plain', 'incoming', next));
}

/** Catalogs of other versions: PostgreSQL 18's incremental backups, and a home of Barman 3.4.0. */
async function putRecorded(box: Sandbox): Promise<void> {
  await exec('tar', ['-xzf', fixture('incremental-18/incremental-18.tar.gz'), '-C', box.home]);
  for (const server of ['gz', 'rs']) {
    await cp(fixture(`legacy-3.4.0/${server}`), join(box.home, server), { recursive: true });
    for (const name of ['incoming', 'streaming', 'errors', 'meta'])
      await mkdir(join(box.home, server, name), { recursive: true });
    const base = join(box.home, server, 'base');
    for (const id of await readdir(base)) {
      const record = await readFile(join(base, id, 'backup.info'), 'utf8');
      await catalogHome(box.home).addProofs(server, id, record);
    }
    const wals = join(box.home, server, 'wals', '0000000100000000');
    await mkdir(wals);
    await writeFile(join(wals, '000000010000000000000010'), '000000010000000000000010');
  }
}

/** Records that no run of a Barman leaves behind at once: every status, foreign zones, children, three timelines. */
async function makeByHand(box: Sandbox): Promise<void> {
  const home = catalogHome(box.home);
  // Without any WAL a check closes a segment and waits for it.
  for (const server of ['empty', 'live', 'broken']) await home.writeWals(server, segments(1, 1));
  const id = (day: number) => `202611${String(day).padStart(2, '0')}T040000`;
  const ended = (day: number, zone = '+00:00') => ({
    end_time: `2026-11-${String(day).padStart(2, '0')} 05:00:07.500000${zone}`,
  });
  const mixed = (day: number, texts: Readonly<Record<string, string>>) => home.addBackup('mixed', id(day), texts);
  await mixed(1, { ...span(2, 3), ...ended(1), backup_name: 'weekly', children_backup_ids: `${id(2)},${id(3)}` });
  await mixed(2, {
    ...span(6, 7),
    ...ended(2, '+05:30'),
    parent_backup_id: id(1),
    tablespaces: "[('ts1', 16386, '/srv/ts 1')]",
  });
  await mixed(3, {
    ...span(8, 8),
    ...ended(3),
    parent_backup_id: id(1),
    status: 'FAILED',
    error: 'no "space" left, é',
  });
  await mixed(5, { ...UNSTARTED, server_name: 'mixed' });
  await mixed(6, { ...span(11, 11), ...ended(6), compression: 'gzip', encryption: 'gpg', backup_name: 'twice' });
  await mixed(7, { ...span(12, 14), ...ended(7), status: 'WAITING_FOR_WALS', mode: 'passive', backup_name: 'twice' });
  await mixed(8, { ...span(15, 15), status: 'STARTED', end_wal: 'None', end_time: 'None' });
  await mixed(10, { ...UNSTARTED, server_name: 'mixed', status: 'SYNCING', mode: 'passive' });
  await home.writeWals('mixed', [
    ...segments(1, 4),
    { name: '00000002.history', size: 40 },
    ...segments(5, 13),
    ...segments(12, 20, 2),
  ]);
  await writeFile(home.folder('mixed', 'wals', '00000002.history'), '1\t0/D000000\tno recovery target specified\n');
  const kept = (day: number, texts: Readonly<Record<string, string>> = {}) =>
    home.addBackup('kept', id(day), { ...span(day * 4, day * 4 + 1), ...ended(day), ...texts });
  await kept(1);
  await kept(2, { children_backup_ids: `${id(3)},${id(4)}` });
  await kept(3, { parent_backup_id: id(2) });
  await kept(4, { parent_backup_id: id(2), status: 'FAILED' });
  await kept(6);
  await kept(7);
  await kept(8);
  await home.addKeep('kept', id(2), 'standalone');
  await home.addKeep('kept', id(6), 'full');
  await home.writeWals('kept', segments(1, 40));
}
