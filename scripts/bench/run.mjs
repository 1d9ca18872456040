// The measurements. Each prints our median, the other's, the ratio and the limit that the project set itself.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { benchArchiving } from './archiving.mjs';
import { benchClients } from './clients.mjs';
import { benchCopies } from './copies.mjs';
import { benchFiles } from './files.mjs';
import { medians, peakMemory } from './measure.mjs';
import { benchRsync } from './rsync.mjs';
import { seedArchive, seedServers } from './seed.mjs';

const barman = fileURLToPath(new URL('../../bin/barman', import.meta.url));
const folder = process.env.BARMAN_REFERENCE;
const reference = folder && existsSync(join(folder, 'barman')) ? join(folder, 'barman') : undefined;
const root = mkdtempSync(join(tmpdir(), 'barman-bench-'));
const rows = [];

function report(name, ours, theirs, limit, against) {
  const ratio = ours / theirs;
  rows.push({
    measure: name,
    ours: `${ours.toFixed(1)} ms`,
    [against]: undefined,
    other: `${theirs.toFixed(1)} ms (${against})`,
    ratio: ratio.toFixed(3),
    limit: limit.toFixed(3),
    held: ratio <= limit,
  });
  const row = rows.at(-1);
  process.stdout.write(
    `${row.measure.padEnd(44)} ${row.ours.padStart(12)} ${row.other.padStart(24)}  ratio ${row.ratio}  limit ${row.limit}  ${row.held ? 'ok' : 'OVER'}\n`,
  );
}

/** Both in MiB. */
function reportPeak(command, peak, limit) {
  process.stdout.write(
    `${`  peak memory of ${command}`.padEnd(44)} ${`${peak.toFixed(0)} MiB`.padStart(12)}  limit ${limit} MiB  ${peak <= limit ? 'ok' : 'OVER'}\n`,
  );
}

async function startTime() {
  const node = { argv: [process.execPath, '-e', '0'] };
  const [empty, version, help] = await medians([node, { argv: [barman, '--version'] }, { argv: [barman, '--help'] }], {
    runs: 30,
    warmup: 3,
  });
  report('barman --version', version, empty, 1.5, 'node -e 0');
  report('barman --help', help, empty, 1.5, 'node -e 0');
}

async function listServers() {
  const { config } = seedServers(
    join(root, 'servers'),
    100,
    'conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on',
  );
  const both = [barman, reference].map((program) => ({ argv: [program, '-c', config, 'list-servers'] }));
  const [ours, theirs] = await medians(both, { runs: 10 });
  report('list-servers, 100 servers', ours, theirs, 0.4, 'reference');
}

/** What monitoring asks of many servers, ten of which have backups and none of which answers. */
async function manyServers() {
  const { config, home, names } = seedServers(
    join(root, 'many'),
    100,
    'conninfo = host=127.0.0.1 port=1 connect_timeout=1\nbackup_method = postgres\narchiver = on',
  );
  for (const name of names.slice(0, 10)) seedArchive(home, name, { backups: 10, wals: 1000 });
  for (const args of [['list-backups', 'all'], ['check', '--nagios', 'all'], ['diagnose']]) {
    const both = [barman, reference].map((program) => ({ argv: [program, '-c', config, ...args], mayFail: true }));
    const [ours, theirs] = await medians(both, { runs: 3 });
    report(`${args.join(' ')}, 100 servers`, ours, theirs, 1 / 3, 'reference');
  }
}

async function bigArchive() {
  const { config, home, names } = seedServers(
    join(root, 'archive'),
    1,
    'conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on',
  );
  seedArchive(home, names[0], { backups: 30, wals: 300_000 });
  for (const [args, limit, runs, mebibytes] of [
    [['list-backups', names[0]], 1 / 30, 3, 120],
    [['show-backup', names[0], 'latest'], 1 / 3, 3, 120],
    [['list-files', '--target', 'full', names[0], 'oldest'], 1, 3, 120],
    [['sync-info', names[0]], 1 / 3, 1, 256],
  ]) {
    const both = [barman, reference].map((program) => ({ argv: [program, '-c', config, ...args] }));
    const [ours, theirs] = await medians(both, { runs, warmup: 0 });
    report(`${args[0]}, 30 backups, 300,000 WALs`, ours, theirs, limit, 'reference');
    reportPeak(args[0], await peakMemory([barman, '-c', config, ...args]), mebibytes);
  }
}

/** Waits until none of the processes that cron started for this home is left. */
async function quiet(config) {
  const isRunning = () =>
    readdirSync('/proc').some((pid) => {
      if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(config);
      } catch {
        return false;
      }
    });
  while (isRunning()) await sleep(100);
}

async function cron() {
  const { config } = seedServers(
    join(root, 'cron'),
    100,
    'conninfo = host=127.0.0.1 port=1 connect_timeout=1\nbackup_method = postgres\narchiver = on',
  );
  spawnSync(barman, ['-c', config, '-q', 'check', 'all'], { stdio: 'ignore' });
  const both = [barman, reference].map((program) => ({ argv: [program, '-c', config, 'cron'] }));
  const [ours, theirs] = await medians(both, { runs: 3, between: () => quiet(config) });
  report('cron, 100 servers', ours, theirs, 0.25, 'reference');
}

const all = {
  start: { run: startTime },
  'list-servers': { run: listServers, needsReference: true },
  many: { run: manyServers, needsReference: true },
  archive: { run: bigArchive, needsReference: true },
  files: { run: () => benchFiles({ root, barman, reference, report, reportPeak }), needsReference: true },
  cron: { run: cron, needsReference: true },
  rsync: { run: () => benchRsync({ root, barman, reference, report }), needsReference: true },
  archiving: { run: () => benchArchiving({ root, barman, reference, report }), needsReference: true },
  clients: { run: () => benchClients({ reference, report }), needsReference: true },
  copies: { run: () => benchCopies({ root, barman, reference, report }), needsReference: true },
};
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(all);
try {
  if (!reference)
    process.stdout.write('BARMAN_REFERENCE names no folder with a "barman": only comparisons with node are made.\n');
  for (const name of wanted) {
    const bench = all[name];
    if (!bench) throw new Error(`unknown measurement '${name}': use ${Object.keys(all).join(', ')}`);
    if (bench.needsReference && !reference) continue;
    await bench.run();
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
