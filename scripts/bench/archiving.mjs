// Archiving of a full queue, with and without compression, and of a very long one.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { peakMemory, timeOnce } from './measure.mjs';
import { seedServers } from './seed.mjs';

const SEGMENT = 16 * 1024 * 1024;
const hex8 = (value) => value.toString(16).toUpperCase().padStart(8, '0');
const name = (number) => `00000001${hex8(Math.floor(number / 256))}${hex8(number % 256)}`;

/** A segment whose pages are half noise, half zeros: it shrinks to about half, as WAL does. */
function segment(number) {
  const bytes = Buffer.alloc(SEGMENT);
  for (let page = 0; page < SEGMENT; page += 8192) randomBytes(4096).copy(bytes, page + 64);
  bytes.writeUInt16LE(0xd110, 0);
  bytes.writeUInt16LE(0x0006, 2);
  bytes.writeUInt32LE(1, 4);
  bytes.writeBigUInt64LE(BigInt(number) * BigInt(SEGMENT), 8);
  bytes.writeBigUInt64LE(7_710_444_428_578_650_661n, 24);
  bytes.writeUInt32LE(SEGMENT, 32);
  bytes.writeUInt32LE(8192, 36);
  return bytes;
}

const section = (extra) => `conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n${extra}`;

export async function benchArchiving({ root, barman, reference, report }) {
  const source = join(root, 'segments');
  mkdirSync(source);
  for (let number = 1; number <= 100; number += 1) writeFileSync(join(source, name(number)), segment(number));
  for (const [compression, limit] of [
    ['gzip', 0.6],
    ['zstd', 0.6],
    ['none', 1.1],
  ]) {
    const times = { ours: [], theirs: [] };
    for (let round = 0; round < 2; round += 1) {
      for (const [side, program] of [
        ['ours', barman],
        ['theirs', reference],
      ]) {
        const folder = join(root, `archiving-${compression}-${side}`);
        const { config, home, names } = seedServers(
          folder,
          1,
          section(compression === 'none' ? '' : `compression = ${compression}`),
        );
        const incoming = join(home, names[0], 'incoming');
        mkdirSync(incoming, { recursive: true });
        for (const file of readdirSync(source)) copyFileSync(join(source, file), join(incoming, file));
        times[side].push(timeOnce([program, '-c', config, 'archive-wal', names[0]]));
        if (readdirSync(incoming).length > 0) throw new Error(`${program} left files in the queue`);
        rmSync(folder, { recursive: true });
      }
    }
    if (compression === 'zstd') {
      // The same files by the bare program on all processors: neither flushed, nor listed, nor moved.
      const bare =
        'cd "$1" && mkdir "$2" && ls | xargs -P "$(nproc)" -n 1 zstd -4 -q --single-thread --output-dir-flat "$2"';
      const alone = timeOnce(['sh', '-c', bare, 'sh', source, join(root, 'bare')]);
      rmSync(join(root, 'bare'), { recursive: true });
      report('100 segments through the program zstd', alone, Math.min(...times.theirs), 1, 'reference');
    }
    report(
      `archive-wal, 100 segments, ${compression}`,
      Math.min(...times.ours),
      Math.min(...times.theirs),
      limit,
      'reference',
    );
  }
  rmSync(source, { recursive: true });
  await longQueue({ root, barman });
}

/** 200,000 small files, a thousand a run. */
async function longQueue({ root, barman }) {
  const { config, home, names } = seedServers(join(root, 'queue'), 1, section('archiver_batch_size = 1000'));
  const incoming = join(home, names[0], 'incoming');
  mkdirSync(incoming, { recursive: true });
  for (let number = 1; number <= 200_000; number += 1)
    writeFileSync(join(incoming, `${name(number)}.00000028.backup`), 'START WAL LOCATION\n');
  const first = join(home, names[0], 'wals', name(1).slice(0, 16), `${name(1)}.00000028.backup`);
  const started = performance.now();
  const child = spawn(barman, ['-c', config, 'archive-wal', names[0]], { stdio: 'ignore' });
  const ended = new Promise((done) => child.once('exit', done));
  while (!existsSync(first)) await sleep(10);
  const elapsed = performance.now() - started;
  await ended;
  const peak = await peakMemory([barman, '-c', config, 'archive-wal', names[0]]);
  const line = (what, value, limit, held) =>
    process.stdout.write(`${what.padEnd(44)} ${value.padStart(12)}  limit ${limit}  ${held ? 'ok' : 'OVER'}\n`);
  line('queue of 200,000: first file archived', `${elapsed.toFixed(0)} ms`, '2000 ms', elapsed <= 2000);
  line('  peak memory', `${peak.toFixed(0)} MiB`, '150 MiB', peak <= 150);
}
