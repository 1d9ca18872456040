/** The commands that are struck, each on a home that shows what it can lose. */
import { createHash } from 'node:crypto';
import { access, appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { emptyBackupInfo } from '../../src/domain/backup/backup-info.ts';
import { asInterrupted } from '../../src/maintenance/delete/interrupted.ts';
import { walTar } from '../support/tar.ts';
import { recordedSegment, segmentName, walSegment } from '../support/wal-files.ts';
import { barmanProgram, runProgram } from '../support/sandbox.ts';
import { addBackup, archiveWals, type CrashHome, queueWals } from './home.ts';
import { type HomeScenario, onHome } from './home-world.ts';
import { BACKING_UP } from './backing-up.ts';
import { RECEIVING } from './receiving.ts';
import type { Scenario } from './world.ts';

const wal = (number: number) => segmentName(number);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => wal(from + index));
const span = (begin: number, end: number) => ({ begin_wal: wal(begin), end_wal: wal(end), timeline: '1' });
const [FIRST, SECOND, THIRD, FOURTH] = [
  '20261101T040000',
  '20261102T040000',
  '20261103T040000',
  '20261104T040000',
] as const;

/** Three backups and the WAL since the first one. */
async function seedBackups(home: CrashHome): Promise<void> {
  await addBackup(home, FIRST, span(2, 3));
  await addBackup(home, SECOND, span(6, 6));
  await addBackup(home, THIRD, span(9, 10));
  await archiveWals(home, range(2, 12));
}

/** What killed processes leave: each kind once. */
async function seedRuins(home: CrashHome): Promise<void> {
  await seedBackups(home);
  await addBackup(home, FOURTH, { ...span(12, 12), status: 'STARTED', end_wal: 'None', end_time: 'None' });
  // A claimed id without a record.
  await mkdir(home.path('base', '20261105T040000'));
  // A delete that had begun, and one of which the mark is left.
  const record = home.path('meta', `${FIRST}-backup.info`);
  const text = (await readFile(record, 'utf8'))
    .replace('status=DONE', 'status=FAILED')
    .replace('error=None', `error=${asInterrupted('pg', { ...emptyBackupInfo(FIRST), status: 'DONE' }).error}`);
  await writeFile(record, text);
  await rm(home.path('base', FIRST, 'data', 'global'), { recursive: true });
  for (const id of [FIRST, '20261031T040000']) await writeFile(home.path('meta', `${id}-delete_this`), '');
  for (const path of [
    `meta/${THIRD}-backup.info.tmp`,
    'wals/pg-xlog.db.tmp',
    'identity.json.tmp',
    '.active-model.auto.tmp',
  ]) {
    await writeFile(home.path(path), 'half');
  }
  // Archived, but its source was not removed yet; one that waits; one whose sender is gone.
  await queueWals(home, range(12, 13));
  await writeFile(home.path('incoming', `.4194305-${wal(14)}`), 'half');
}

/** With the key of makeGpgHome. */
const ENCRYPTION =
  'encryption = gpg\nencryption_key_id = barman@example.com\nencryption_passphrase_command = cat GNUPGHOME/secret.txt';

const archiving = (compression: string, encryption = ''): HomeScenario => ({
  name: `archive-wal, ${compression === '' ? 'none' : compression}${encryption === '' ? '' : ', encrypted'}`,
  options: `${compression === '' ? '' : `compression = ${compression}\ncompression_level = low`}\n${encryption}`,
  seed: async (home) => {
    await addBackup(home, FIRST, span(1, 1));
    await archiveWals(home, [wal(1)]);
    await queueWals(home, range(2, 4));
  },
  args: ['archive-wal', 'pg'],
  wals: range(1, 4),
  backups: [FIRST],
});

const PARTIAL = `${wal(2)}.partial`;

/** The good segment takes the place of an archived copy that is of no use, which is kept. */
const replacing = (what: string, bad: Buffer): HomeScenario => ({
  name: `archive-wal, ${what} copy`,
  options: '',
  seed: async (home) => {
    await addBackup(home, FIRST, span(1, 1));
    await archiveWals(home, range(1, 3));
    await writeFile(home.path('wals', wal(2).slice(0, 16), wal(2)), bad);
    await queueWals(home, [wal(2)]);
  },
  args: ['archive-wal', 'pg'],
  wals: range(1, 3),
  backups: [FIRST],
  mayStay: /^pg\/errors\/[^/]+\.duplicate$/,
  always: async (home) => {
    const rejected = (await readdir(home.path('errors'))).map((name) => home.path('errors', name));
    const paths = [...rejected, home.path('wals', wal(2).slice(0, 16), wal(2))];
    const copies = await Promise.all(paths.map((path) => readFile(path).catch(() => null)));
    return copies.some((bytes) => bytes?.equals(bad)) ? isWhole(home, wal(2)) : `the ${what} copy is nowhere`;
  },
});

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** PostgreSQL drops its own copy when it was told that this one is safe. */
async function isWhole(home: CrashHome, name: string): Promise<string | null> {
  const copies = await Promise.all(
    [home.path('incoming', name), home.path('wals', name.slice(0, 16), name)].map((path) =>
      readFile(path).catch(() => null),
    ),
  );
  return copies.some((bytes) => bytes?.equals(walSegment(name))) ? null : `${name} is nowhere`;
}

/** Files with the final name of an export, each proved by the checksum in it. */
async function exportsOf(home: CrashHome): Promise<readonly { readonly name: string; readonly isWhole: boolean }[]> {
  const names = (await readdir(join(home.home, 'out'))).filter((name) => name.includes('.tar'));
  return Promise.all(
    names.map(async (name) => {
      const sha256 = createHash('sha256')
        .update(await readFile(join(home.home, 'out', name)))
        .digest('hex');
      return { name, isWhole: name.includes(`-${sha256.slice(0, 8)}.tar`) };
    }),
  );
}

const textOf = (path: string) => readFile(path, 'utf8').catch(() => '');

/** What the file of config-update may be: as it was, after one of the sets of changes, after both in either order. */
const FIRST_SET = '[pg]\ndescription = new\nparallel_jobs = 2\n';
const SECOND_SET = '[m]\ncluster = pg\nmodel = on\n';
const BOTH_SETS = [FIRST_SET + SECOND_SET, SECOND_SET + FIRST_SET];
const UPDATES = ['', FIRST_SET, SECOND_SET, ...BOTH_SETS];

/** undefined when it is none of these. */
async function automaticFile(home: CrashHome): Promise<string | undefined> {
  const text = await textOf(join(home.home, '.barman.auto.conf'));
  return UPDATES.find((one) => one === text);
}

const HOME_SCENARIOS: readonly HomeScenario[] = [
  archiving(''),
  archiving('gzip'),
  archiving('bzip2'),
  archiving('xz'),
  archiving('zstd'),
  archiving('lz4'),
  archiving('zstd', ENCRYPTION),
  replacing('foreign', walSegment(wal(2), { systemId: '42' })),
  replacing('cut', walSegment(wal(2)).subarray(0, 5_000)),
  {
    name: 'archive-wal, better partial',
    options: '',
    seed: async (home) => {
      await addBackup(home, FIRST, span(1, 1));
      await archiveWals(home, [wal(1)]);
      await writeFile(home.path('wals', wal(2).slice(0, 16), PARTIAL), recordedSegment(wal(2), { records: 3 }));
      await appendFile(home.path('wals', 'pg-xlog.db'), `${PARTIAL}\t1048576\t1793505600.5\tNone\tNone\n`);
      await writeFile(home.path('incoming', PARTIAL), recordedSegment(wal(2), { records: 5 }));
    },
    args: ['archive-wal', 'pg'],
    wals: [wal(1)],
    backups: [FIRST],
    mayStay: /\.partial$/,
    // The first one may go when the better one is durable, never before.
    always: async (home) => {
      const copies = [home.path('incoming', PARTIAL), home.path('wals', wal(2).slice(0, 16), PARTIAL)];
      const bytes = await Promise.all(copies.map((path) => readFile(path).catch(() => null)));
      const better = recordedSegment(wal(2), { records: 5 });
      return bytes.some((copy) => copy?.equals(better)) ? null : 'the better partial file is nowhere';
    },
  },
  {
    name: 'delete',
    options: '',
    seed: seedBackups,
    args: ['delete', 'pg', FIRST],
    wals: range(6, 12),
    mayGo: range(2, 5),
    backups: [SECOND, THIRD],
    mayVanish: [FIRST],
    promised: async (home) =>
      (await exists(home.path('meta', `${FIRST}-backup.info`))) ? 'the backup is there' : null,
  },
  {
    name: 'cron, retention',
    options: 'retention_policy = REDUNDANCY 2',
    seed: seedBackups,
    args: ['cron'],
    wals: range(6, 12),
    mayGo: range(2, 5),
    backups: [SECOND, THIRD],
    mayVanish: [FIRST],
  },
  {
    name: 'cron, repairing',
    options: '',
    seed: seedRuins,
    args: ['cron'],
    wals: range(6, 13),
    mayGo: range(2, 5),
    backups: [SECOND, THIRD],
    mayVanish: [FIRST],
    interrupted: [FOURTH],
  },
  {
    name: 'keep',
    options: 'retention_policy = REDUNDANCY 2',
    seed: seedBackups,
    args: ['keep', '--target', 'full', 'pg', SECOND],
    wals: range(6, 12),
    mayGo: range(2, 5),
    backups: [SECOND, THIRD],
    mayVanish: [FIRST],
    promised: async (home) =>
      (await readFile(home.path('meta', `${SECOND}-keep`), 'utf8').catch(() => '')) === 'full'
        ? null
        : 'it is not kept',
  },
  {
    name: 'put-wal',
    options: '',
    seed: async (home) => {
      await addBackup(home, FIRST, span(1, 1));
      await archiveWals(home, [wal(1)]);
      await queueWals(home, [wal(2)]);
    },
    args: ['put-wal', 'pg'],
    input: () => walTar({ [wal(3)]: walSegment(wal(3)) }),
    wals: [wal(1), wal(2)],
    mayGo: [wal(3)],
    backups: [FIRST],
    promised: (home) => isWhole(home, wal(3)),
  },
  {
    name: 'export-backup',
    options: '',
    seed: async (home) => {
      await seedBackups(home);
      await mkdir(join(home.home, 'out'));
    },
    args: ['export-backup', 'pg', FIRST, 'HOME/out', '--compression', 'gzip'],
    wals: range(2, 12),
    backups: [FIRST, SECOND, THIRD],
    mayStay: /^out\/backup-export-pg-/,
    always: async (home) =>
      (await exportsOf(home)).every(({ isWhole }) => isWhole) ? null : 'an export has its name and is not whole',
    promised: async (home) => ((await exportsOf(home)).length === 1 ? null : 'there is no export'),
  },
  {
    name: 'import-backup',
    options: '',
    seed: async (home) => {
      await seedBackups(home);
      await mkdir(join(home.home, 'out'));
      const args = ['-c', home.configFile, 'export-backup', 'pg', FIRST, join(home.home, 'out')];
      const { code, stderr } = await runProgram(barmanProgram, args);
      if (code !== 0) throw new Error(stderr);
      await rm(home.path('base', FIRST), { recursive: true });
      await rm(home.path('meta', `${FIRST}-backup.info`));
      for (const name of [wal(2), wal(3)]) await rm(home.path('wals', name.slice(0, 16), name));
      await runProgram(barmanProgram, ['-c', home.configFile, 'rebuild-xlogdb', 'pg']);
    },
    args: ['import-backup', 'pg', 'TARBALL'],
    wals: range(4, 12),
    backups: [SECOND, THIRD],
    mayAppear: [FIRST],
    mayBring: [wal(2), wal(3)],
    mayStay: /^out\/backup-export-pg-/,
    promised: async (home) =>
      (await exists(home.path('meta', `${FIRST}-backup.info`))) ? null : 'the backup is not there',
  },
  {
    name: 'config-update',
    options: 'slot_name = old',
    seed: seedBackups,
    args: [
      'config-update',
      '[{"scope":"server","server_name":"pg","description":"new","parallel_jobs":"2"},{"scope":"model","model_name":"m","cluster":"pg"}]',
    ],
    wals: range(2, 12),
    backups: [FIRST, SECOND, THIRD],
    mayStay: /^\.barman\.auto\.conf$/,
    always: async (home) => ((await automaticFile(home)) === undefined ? 'the file is neither old nor new' : null),
    promised: async (home) =>
      BOTH_SETS.includes((await automaticFile(home)) ?? '') ? null : 'the file is not the new one',
  },
  {
    name: 'config-switch',
    options: '[m]\nmodel = on\ncluster = pg\nparallel_jobs = 2',
    seed: seedBackups,
    args: ['config-switch', 'pg', 'm'],
    wals: range(2, 12),
    backups: [FIRST, SECOND, THIRD],
    mayStay: /^pg\/\.active-model\.auto$/,
    always: async (home) =>
      ['', 'm'].includes(await textOf(home.path('.active-model.auto'))) ? null : 'the model is neither old nor new',
    promised: async (home) => ((await textOf(home.path('.active-model.auto'))) === 'm' ? null : 'it is not active'),
  },
];

export const SCENARIOS: readonly Scenario[] = [...HOME_SCENARIOS.map(onHome), ...RECEIVING, ...BACKING_UP];
