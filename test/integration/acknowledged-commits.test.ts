/**
 * The promise of a synchronous receiver: PostgreSQL streams to receive-wal and archives too, pgbench writes, and cron,
 * archive-wal, receive-wal and pg_receivewal are killed again and again. Then the primary is lost, the newest backup is
 * restored, and every commit that a client was told of is there. `BARMAN_STORM=SECONDS` makes it last longer.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Cluster, clusterAt, freePort, startCluster, temporaryFolder } from '../support/cluster.ts';
import { makeSandbox, type Sandbox, streamingSection } from '../support/sandbox.ts';

const SECONDS = Number(process.env.BARMAN_STORM ?? 10);
const WRITERS = 4;
const SEGMENT = 1_048_576n;
/** What is killed: a word of our command line, or a program of PostgreSQL. */
const VICTIMS = ['cron', 'archive-wal', 'receive-wal', 'pg_receivewal', 'check-backup'];

let box: Sandbox;
let cluster: Cluster;

beforeAll(async () => {
  box = await makeSandbox();
  const incoming = join(box.home, 'pg', 'incoming');
  await mkdir(incoming, { recursive: true });
  cluster = await startCluster({
    initdbArgs: ['--wal-segsize=1'],
    settings: {
      archive_mode: 'on',
      archive_command: `test ! -f ${incoming}/%f && cp %p ${incoming}/%f.tmp && mv ${incoming}/%f.tmp ${incoming}/%f`,
      wal_sender_timeout: '5s',
    },
  });
  const extra = 'archiver = on\nimmediate_checkpoint = true\nretention_policy = REDUNDANCY 1\ncompression = gzip';
  await box.writeConfig(streamingSection('pg', cluster, extra));
});
afterAll(async () => {
  for (const { pid } of await running('')) end(pid);
  await cluster?.dispose();
  await box?.dispose();
});

/** Processes that work on this home, by what they are. */
async function running(kind: string): Promise<readonly { readonly pid: number; readonly kind: string }[]> {
  const found: { pid: number; kind: string }[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const words = (await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (!words.some((word) => word === box.configFile || word.startsWith(`--directory=${box.home}/`))) continue;
    const names = words.map((word) => basename(word));
    const is = VICTIMS.find((victim) => names.includes(victim)) ?? 'other';
    if (kind === '' || kind === is) found.push({ pid: Number(entry), kind: is });
  }
  return found;
}

function end(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

interface Ledger {
  /** Id of each commit that was acknowledged, with a WAL position behind it. */
  readonly acknowledged: Map<number, bigint>;
  isOver: boolean;
}

/** One commit after the other; what was not acknowledged is not written down. */
async function write(ledger: Ledger, writer: number): Promise<void> {
  const { Client } = await import('pg');
  const client = new Client({ connectionString: `postgres://barman@127.0.0.1:${cluster.port}/postgres` });
  // The primary is lost in the end.
  client.on('error', () => {});
  await client.connect();
  try {
    for (let turn = 0; !ledger.isOver; turn += 1) {
      const id = turn * WRITERS + writer;
      await client.query('INSERT INTO ledger VALUES ($1, $2)', [id, randomBytes(3_000).toString('base64')]);
      const { rows } = await client.query<{ lsn: string }>("SELECT pg_current_wal_lsn() - '0/0' AS lsn");
      ledger.acknowledged.set(id, BigInt(rows[0]?.lsn ?? 0));
    }
  } catch (error) {
    if (!ledger.isOver) throw error;
  } finally {
    await client.end().catch(() => {});
  }
}

/** cron as often as it can, as if a minute were a second. */
async function keepCronRunning(ledger: Ledger): Promise<void> {
  while (!ledger.isOver) {
    await box.barman(['cron']);
    await sleep(300);
  }
}

async function killAtRandom(ledger: Ledger): Promise<ReadonlyMap<string, number>> {
  const kills = new Map<string, number>();
  while (!ledger.isOver) {
    await sleep(200 + Math.random() * 1_000);
    const found = (await running('')).filter(({ kind }) => kind !== 'other');
    // Of what runs, each kind as often as the others.
    const kinds = [...new Set(found.map(({ kind }) => kind))];
    const chosen = kinds[Math.floor(Math.random() * kinds.length)];
    const victim = found.find(({ kind }) => kind === chosen);
    if (victim !== undefined && end(victim.pid)) kills.set(victim.kind, (kills.get(victim.kind) ?? 0) + 1);
  }
  return kills;
}

function startPgbench(): { readonly end: Promise<unknown> } {
  const at = ['-h', '127.0.0.1', '-p', String(cluster.port), '-U', 'barman'];
  const args = [...at, '-n', '-c', '2', '-T', String(SECONDS + 600), 'postgres'];
  const child = spawn(join(cluster.binDir, 'pgbench'), args, { stdio: 'ignore' });
  return { end: new Promise((resolve) => child.once('exit', resolve)) };
}

/** Ids in the restored cluster, and where its recovery has ended. */
async function restored(name: string, ...args: readonly string[]): Promise<ReadonlySet<number>> {
  const root = await temporaryFolder('restored');
  const data = join(root, name);
  const result = await box.barman(['restore', ...args, 'pg', 'latest', data]);
  expect(result.stderr).not.toMatch(/ERROR|EXCEPTION/);
  expect(result.code).toBe(0);
  const copy = clusterAt(cluster.binDir, data, await freePort(), root);
  try {
    await copy.start();
    await eventually('recovery has ended', async () => (await copy.sql('SELECT pg_is_in_recovery()')) === 'f', 120);
    return new Set((await copy.sql('SELECT id FROM ledger')).split('\n').map(Number));
  } finally {
    await copy.dispose();
  }
}

/** Everything at once for so many seconds, with a backup in between; then the primary is lost. Returns the kills. */
async function storm(ledger: Ledger): Promise<ReadonlyMap<string, number>> {
  const load = startPgbench();
  const killer = killAtRandom(ledger);
  const others = Promise.all(
    [...Array(WRITERS).keys()].map((index) => write(ledger, index)).concat(keepCronRunning(ledger)),
  );
  try {
    await sleep((SECONDS * 1000) / 2);
    // Its WAL comes through what is being killed, and the older backup is obsolete then. It is refused while the receiver
    // is dead.
    await eventually('a second backup', async () => (await box.barman(['backup', 'pg'])).code === 0, 120);
    await sleep((SECONDS * 1000) / 2);
  } finally {
    ledger.isOver = true;
    await cluster.stop('immediate');
    await Promise.all([others, load.end]);
    for (const { pid } of await running('')) end(pid);
    await eventually('nothing runs any more', async () => (await running('')).length === 0);
  }
  return killer;
}

it('every acknowledged commit is restored after a storm of kills', { timeout: (SECONDS + 600) * 1000 }, async () => {
  expect((await box.barman(['receive-wal', '--create-slot', 'pg'])).code).toBe(0);
  await box.barman(['cron']);
  await eventually(
    'it streams',
    async () => (await cluster.sql('SELECT count(*) FROM pg_stat_replication')) === '1',
    60,
  );
  await cluster.sql('CREATE TABLE ledger (id int PRIMARY KEY, filler text)');
  const pgbench = ['-h', '127.0.0.1', '-p', String(cluster.port), '-U', 'barman', '-i', '-q', 'postgres'];
  await new Promise((resolve) =>
    spawn(join(cluster.binDir, 'pgbench'), pgbench, { stdio: 'ignore' }).once('exit', resolve),
  );
  const first = await box.barman(['backup', '--wait', 'pg']);
  expect([first.code, first.stderr]).toEqual([0, '']);
  await cluster.sql("ALTER SYSTEM SET synchronous_standby_names = 'barman_receive_wal'");
  await cluster.sql('SELECT pg_reload_conf()');
  // It asks PostgreSQL at its start whether it is waited for.
  for (const { pid } of await running('receive-wal')) end(pid);

  const ledger: Ledger = { acknowledged: new Map(), isOver: false };
  const kills = await storm(ledger);

  await eventually(
    'everything complete is archived',
    async () => {
      const { code, stdout } = await box.barman(['archive-wal', 'pg']);
      return code === 0 && !/\t[0-9A-F]{24}/.test(stdout);
    },
    120,
  );
  await box.barman(['check-backup', 'pg', 'latest']);
  const index = (await readFile(join(box.home, 'pg', 'wals', 'pg-xlog.db'), 'utf8')).trimEnd().split('\n');
  const names = index.map((line) => line.split('\t')[0] ?? '').filter((name) => /^[0-9A-F]{24}$/.test(name));
  expect(new Set(names).size).toBe(names.length);
  expect(await readdir(join(box.home, 'pg', 'errors'))).toEqual([]);
  const last = names.toSorted().at(-1) ?? '';
  const archivedUpTo = (BigInt(`0x${last.slice(8, 16)}`) << 32n) + BigInt(`0x${last.slice(16)}`) * SEGMENT + SEGMENT;

  const missingIn = (rows: ReadonlySet<number>, before?: bigint) =>
    [...ledger.acknowledged].filter(([id, lsn]) => (before === undefined || lsn <= before) && !rows.has(id));
  const fromArchive = await restored('archive');
  expect(missingIn(fromArchive, archivedUpTo)).toEqual([]);
  const everything = await restored('partial', '--partial-wal');
  expect(missingIn(everything)).toEqual([]);
  expect(ledger.acknowledged.size).toBeGreaterThan(100);
  process.stdout.write(
    `${SECONDS} s: ${ledger.acknowledged.size} commits acknowledged, ${names.length} segments archived, kills: ${[...kills].map(([kind, count]) => `${kind} ${count}`).join(', ')}\n` +
      `rows from the archive ${fromArchive.size}, with the partial segment ${everything.size}\n`,
  );
});
