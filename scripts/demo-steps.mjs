// The steps of the demo. Every barman command is printed before its output; the exit code is 0 only if the recovered
// PostgreSQL holds what was there at the chosen moment and nothing later.
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findPostgres } from './prerequisites.mjs';

const { values: options } = parseArgs({
  options: { keep: { type: 'boolean', default: false }, folder: { type: 'string' } },
});
const barman = join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..', 'bin', 'barman');
const started = Date.now();

class DemoFailed extends Error {}

/** Runs a program; its output is returned, and shown when `show`. */
function run(command, args, { show = false, allowFailure = false, env = {} } = {}) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: show ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
  });
  if (result.error) throw result.error;
  if (result.status !== 0 && !allowFailure) {
    throw new DemoFailed(
      `${command} ${args.join(' ')} ended with ${result.status ?? result.signal}\n${result.stderr ?? ''}`,
    );
  }
  return { code: result.status, stdout: (result.stdout ?? '').trim() };
}

function say(text) {
  process.stdout.write(`\n== ${text}\n`);
}

function freePort() {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

function makeFolder() {
  if (options.folder === undefined) return mkdtempSync(join(tmpdir(), 'barman-demo-'));
  const folder = resolve(options.folder);
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function demo(root, bin) {
  const data = join(root, 'data');
  const restored = join(root, 'restored');
  const config = join(root, 'barman.conf');
  const port = await freePort();
  const program = (name) => join(bin, name);
  const control = (directory, ...args) => {
    // pg_ctl start leaves a server that would keep a pipe open: its output goes to the log file.
    const result = spawnSync(program('pg_ctl'), ['-D', directory, '-w', '-s', ...args], { stdio: 'ignore' });
    if (result.status !== 0) throw new DemoFailed(`pg_ctl ${args.join(' ')} failed: see ${root}/*.log`);
  };
  const sql = (text, onPort = port) =>
    run(program('psql'), [
      '-XAtq',
      '-v',
      'ON_ERROR_STOP=1',
      '-h',
      '127.0.0.1',
      '-p',
      String(onPort),
      '-U',
      'demo',
      '-d',
      'postgres',
      '-c',
      text,
    ]).stdout;
  const type = (...args) => {
    process.stdout.write(
      `\n$ barman ${args.map((arg) => (/[^\w@%+=:,./-]/.test(arg) ? `'${arg}'` : arg)).join(' ')}\n`,
    );
    return run(barman, args, { show: true, env: { BARMAN_CONFIG_FILE: config } });
  };
  const startServer = (directory, onPort, log) =>
    control(directory, '-o', `-p ${onPort} -k ${root} -c listen_addresses=127.0.0.1`, '-l', join(root, log), 'start');
  const running = [];
  let traffic;
  const cleanUp = () => {
    traffic?.kill();
    if (options.keep) return;
    run(barman, ['-q', 'receive-wal', '--stop', 'pg'], { allowFailure: true, env: { BARMAN_CONFIG_FILE: config } });
    for (const directory of running)
      spawnSync(program('pg_ctl'), ['-D', directory, '-m', 'immediate', '-w', 'stop'], { stdio: 'ignore' });
  };
  process.once('SIGINT', () => {
    cleanUp();
    if (!options.keep) rmSync(root, { recursive: true, force: true });
    process.exit(130);
  });
  try {
    say(`A throw-away ${run(program('postgres'), ['--version']).stdout} in ${root}`);
    run(program('initdb'), ['-D', data, '-U', 'demo', '-A', 'trust', '-N', '--no-locale', '-E', 'UTF8']);
    appendFileSync(join(data, 'postgresql.conf'), 'max_wal_size = 256MB\nshared_buffers = 16MB\n');
    startServer(data, port, 'postgresql.log');
    running.push(data);
    sql('CREATE ROLE barman SUPERUSER LOGIN; CREATE ROLE streaming_barman REPLICATION LOGIN');
    sql('CREATE TABLE orders (id int PRIMARY KEY, placed timestamptz NOT NULL DEFAULT clock_timestamp())');
    sql('INSERT INTO orders SELECT generate_series(1, 1000)');
    traffic = startTraffic(program('psql'), port);
    mkdirSync(join(root, 'barman'));
    writeFileSync(
      config,
      `[barman]
barman_user = ${userInfo().username}
barman_home = ${join(root, 'barman')}
log_file = ${join(root, 'barman.log')}

[pg]
description = Demo server
conninfo = host=127.0.0.1 port=${port} user=barman dbname=postgres
streaming_conninfo = host=127.0.0.1 port=${port} user=streaming_barman
backup_method = postgres
streaming_archiver = on
slot_name = barman
create_slot = auto
immediate_checkpoint = true
retention_policy = REDUNDANCY 2
path_prefix = ${bin}
`,
    );

    say('Maintenance: starts the WAL stream (from /etc/cron.d, every minute)');
    type('cron');
    await waitForStream(config);
    say('Is everything ready for a backup?');
    type('check', 'pg');
    say('A base backup');
    type('backup', '--wait', '--wait-timeout', '60', 'pg');
    type('list-backups', 'pg');
    type('show-backup', 'pg', 'latest');

    say('Business goes on: 500 more orders, a moment that we note, then an accident');
    sql('INSERT INTO orders SELECT generate_series(1001, 1500)');
    await sleep(50);
    const moment = sql('SELECT clock_timestamp()');
    await sleep(50);
    sql('INSERT INTO orders SELECT generate_series(1501, 2000)');
    sql('DELETE FROM orders WHERE id <= 700');
    process.stdout.write(`The moment: ${moment}. Now the table has ${sql('SELECT count(*) FROM orders')} rows.\n`);
    type('switch-wal', '--force', '--archive', 'pg');

    say('Back to that moment, in another directory');
    type('recover', '--target-time', moment, '--target-action', 'promote', 'pg', 'latest', restored);
    const restoredPort = await freePort();
    startServer(restored, restoredPort, 'restored.log');
    running.push(restored);
    await waitForEndOfRecovery(() => sql('SELECT pg_is_in_recovery()', restoredPort));

    say('Proof');
    const count = (where) => Number(sql(`SELECT count(*) FROM orders WHERE ${where}`, restoredPort));
    const before = count('id <= 1500');
    const after = count('id > 1500');
    process.stdout.write(
      `Orders from before the moment: ${before} of 1500\nOrders from after the moment:  ${after} of 500\n`,
    );
    if (before !== 1500 || after !== 0) throw new DemoFailed('the recovered cluster is not what it was at that moment');
    process.stdout.write(`The recovered PostgreSQL is exactly what it was at ${moment}.\n`);
    if (options.keep) keepNotes({ config, data, restored, port, restoredPort, root, bin });
  } finally {
    cleanUp();
  }
}

/**
 * A row every 0.2 s, as on a server that is in use: the segment that a switch has closed is archived as soon as the next one
 * begins, and on an idle PostgreSQL that takes up to 15 s.
 */
function startTraffic(psql, port) {
  const args = ['-Xq', '-h', '127.0.0.1', '-p', String(port), '-U', 'demo', '-d', 'postgres'];
  const child = spawn(psql, args, { stdio: ['pipe', 'ignore', 'ignore'] });
  child.stdin.write('CREATE TABLE heartbeat (at timestamptz);\nINSERT INTO heartbeat VALUES (now()) \\watch 0.2\n');
  return child;
}

function keepNotes({ config, data, restored, port, restoredPort, root, bin }) {
  const project = process.env.DEMO_PROJECT ?? '.';
  process.stdout.write(`
Kept, as you asked: PostgreSQL on port ${port}, the recovered one on port ${restoredPort}, the catalog in ${join(root, 'barman')}.
    ${join(project, 'bin/barman')} -c ${config} list-backups pg
To end it:
    ${join(project, 'bin/barman')} -c ${config} receive-wal --stop pg
    ${join(bin, 'pg_ctl')} -D ${data} stop; ${join(bin, 'pg_ctl')} -D ${restored} stop    # as user ${userInfo().username}
    rm -r ${root}
`);
}

/** The child of cron needs a moment to connect: the check would say so. */
async function waitForStream(config) {
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = run(barman, ['-f', 'json', 'check', 'pg'], {
      allowFailure: true,
      env: { BARMAN_CONFIG_FILE: config },
    });
    const checks = JSON.parse(answer.stdout).pg ?? {};
    if (checks.receive_wal_running?.status === 'OK' && checks.replication_slot?.status === 'OK') return;
    await sleep(100);
  }
  throw new DemoFailed('receive-wal did not start');
}

async function waitForEndOfRecovery(isInRecovery) {
  for (let tries = 0; tries < 300; tries += 1) {
    if (isInRecovery() === 'f') return;
    await sleep(100);
  }
  throw new DemoFailed('the recovered PostgreSQL did not reach the target within 30 seconds');
}

const bin = findPostgres();
if (bin === undefined) {
  process.stderr.write('No PostgreSQL server programs found. On Debian: apt-get install -y postgresql\n');
  process.exit(1);
}
const root = makeFolder();
try {
  await demo(root, bin);
  process.stdout.write(`\nDone in ${Math.round((Date.now() - started) / 1000)} s.\n`);
} catch (error) {
  process.stderr.write(`\nThe demo FAILED: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  if (!options.keep) rmSync(root, { recursive: true, force: true });
}
