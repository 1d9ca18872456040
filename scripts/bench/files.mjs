// What has to look at every archived file: rebuild-xlogdb, coverage, and the delete of a backup with its WAL.
import { join } from 'node:path';
import { medians, peakMemory, timeOnce } from './measure.mjs';
import { seedArchive, seedServers, seedWalFiles } from './seed.mjs';

const SECTION = 'conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on';
const WALS = 300_000;
const BACKUPS = 30;

export async function benchFiles({ root, barman, reference, report, reportPeak }) {
  const { config, home, names } = seedServers(join(root, 'files'), 2, SECTION);
  const [name, smaller] = names;
  for (const [server, wals] of [
    [name, WALS],
    [smaller, WALS / 2],
  ]) {
    seedArchive(home, server, { backups: BACKUPS, wals });
    seedWalFiles(home, server, wals);
  }
  const ours = (...args) => [barman, '-c', config, ...args];
  const theirs = (...args) => [reference, '-c', config, ...args];

  const rebuild = ['rebuild-xlogdb', name];
  report('rebuild-xlogdb, 300,000 WALs', timeOnce(ours(...rebuild)), timeOnce(theirs(...rebuild)), 1 / 3, 'reference');
  reportPeak('rebuild-xlogdb', await peakMemory(ours(...rebuild)), 150);
  timeOnce(ours('rebuild-xlogdb', smaller));

  // Barman has no such command: it does what find(1) does, and must not do more than in proportion.
  const walk = ['find', join(home, name, 'wals'), '-type', 'f', '-size', '+1000G'];
  const [whole, half, found] = await medians(
    [{ argv: ours('coverage', name) }, { argv: ours('coverage', smaller) }, { argv: walk }],
    { runs: 3 },
  );
  report('coverage, 30 backups, 300,000 WALs', whole, found, 6, 'find -size');
  report('coverage, 300,000 WALs', whole, half, 2.6, '150,000 WALs');
  reportPeak('coverage', await peakMemory(ours('coverage', name)), 150);

  // 10,000 files go with each.
  const id = (day) => `2026010${day}T040000`;
  const deleting = timeOnce(ours('delete', name, id(1)));
  report('delete, 10,000 of 300,000 WALs', deleting, timeOnce(theirs('delete', name, id(2))), 1, 'reference');
  reportPeak('delete', await peakMemory(ours('delete', name, id(3))), 150);
}
