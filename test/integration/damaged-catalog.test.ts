/**
 * Every kind of damage to a catalog, under every command that reads or changes one: no crash, no endless loop, nothing
 * lost, the file named, and a repair that works when it is typed. Needs no PostgreSQL.
 */
import { lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { type CatalogHome, catalogHome, recordText, segment, segments, span } from '../support/catalog-home.ts';
import { makeSandbox, type ProgramResult, type Sandbox } from '../support/sandbox.ts';
import { SMALL_SEGMENT, walSegment } from '../support/wal-files.ts';

const [FIRST, SECOND, THIRD] = ['20261101T040000', '20261102T040000', '20261103T040000'] as const;
/** Generous: a command that needs this long on so small a catalog does not end. */
const LIMIT_MS = 60_000;
/** Commands at work at once, of all the tests that run beside each other. */
const AT_ONCE = 3;

/** A complete backup whose copy began and ended in this segment. */
const texts = (number: number) => ({
  ...span(number, number),
  xlog_segment_size: String(SMALL_SEGMENT),
  // The second one may be given a manifest.
  ...(number === 4 ? { mode: 'rsync-concurrent' } : {}),
});

/** One server with three full backups, of which the policy keeps two, and their WAL. */
interface Place {
  readonly box: Sandbox;
  readonly home: CatalogHome;
  readonly index: string;
  readonly identity: string;
  record(id: string): string;
  base(id: string): string;
  lock(activity: string): string;
}

async function makePlace(): Promise<Place> {
  const box = await makeSandbox();
  const home = catalogHome(box.home);
  await box.writeConfig(
    '[pg]\nconninfo = host=127.0.0.1 port=1\nstreaming_conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\nretention_policy = REDUNDANCY 2\n',
  );
  for (const [id, number] of [
    [FIRST, 2],
    [SECOND, 4],
    [THIRD, 6],
  ] as const) {
    await home.addBackup('pg', id, texts(number));
  }
  await home.writeWals(
    'pg',
    segments(1, 8).map((line) => ({ ...line, size: SMALL_SEGMENT })),
  );
  // The newest backup can be restored in earnest.
  await writeFile(home.folder('pg', 'base', THIRD, 'data', 'global', 'pg_control'), 'control');
  await writeFile(home.folder('pg', 'wals', segment(6).slice(0, 16), segment(6)), walSegment(segment(6)));
  await writeFile(join(box.root, 'precious'), 'precious');
  return {
    box,
    home,
    index: home.folder('pg', 'wals', 'pg-xlog.db'),
    identity: home.folder('pg', 'identity.json'),
    record: (id) => home.folder('pg', 'meta', `${id}-backup.info`),
    base: (id) => home.folder('pg', 'base', id),
    lock: (activity) => join(box.home, `.pg-${activity}.lock`),
  };
}

interface Damage {
  readonly make: (place: Place) => Promise<unknown>;
  /** What the commands that look must say between them: the file, and what to do about it. */
  readonly told?: (place: Place) => readonly string[];
  /** What they say to do, when a restore needs it. */
  readonly repair?: (place: Place) => Promise<unknown>;
}

const replaced = async (path: string, make: (path: string) => Promise<unknown>) => {
  await rm(path, { recursive: true, force: true });
  await make(path);
};
const GOOD_COPY = 'HINT: put a good copy of the file in its place';
const unreadable = (make: Damage['make']): Damage => ({
  make,
  told: ({ record }) => [record(SECOND), GOOD_COPY],
});
/** The record of the second backup with other texts. */
const record = (others: Record<string, string>) => (place: Place) =>
  writeFile(place.record(SECOND), recordText({ ...texts(4), ...others }));
const rebuild = ({ box }: Place) => run(box, ['rebuild-xlogdb', 'pg']);
const movedAway = async (place: Place) => {
  await rename(place.index, `${place.index}.away`);
  await rebuild(place);
};
const REBUILD = 'barman rebuild-xlogdb pg';
const badIndex = (make: Damage['make'], repair: Damage['repair'] = rebuild): Damage => ({
  make,
  told: ({ index }) => [index, REBUILD],
  repair,
});
const indexEnd = (end: string | Buffer) => (place: Place) => writeFile(place.index, end, { flag: 'a' });
const LOCKS = ['xlogdb', 'cron', 'archive-wal', 'backup', FIRST, SECOND, THIRD];
const badLocks = (make: (path: string, place: Place) => Promise<unknown>): Damage => ({
  make: async (place) => {
    for (const name of LOCKS) await make(place.lock(name), place);
  },
  told: ({ lock }) => [`'${lock('xlogdb')}'`, 'HINT: move it away, e.g. mv '],
  repair: async ({ lock }) => {
    for (const name of LOCKS) await rm(lock(name), { recursive: true, force: true });
  },
});

const DAMAGES: Readonly<Record<string, Damage>> = {
  'record: empty': unreadable(({ record: at }) => writeFile(at(SECOND), '')),
  'record: cut': unreadable(({ record: at }) => writeFile(at(SECOND), recordText().slice(0, 500))),
  'record: binary': unreadable(({ record: at }) => writeFile(at(SECOND), Buffer.from([0, 255, 254, 10, 0]))),
  'record: a directory': unreadable(({ record: at }) => replaced(at(SECOND), (path) => mkdir(path))),
  'record: a link to another': unreadable(({ record: at }) => replaced(at(SECOND), (path) => symlink(at(FIRST), path))),
  'record: unknown field': { make: record({ zzz_new: '1' }), told: ({ record: at }) => [at(SECOND)] },
  'record: negative size': { make: record({ size: '-5' }) },
  'record: number of 30 digits': { make: record({ cluster_size: '9'.repeat(30) }) },
  'record: year 99999': unreadable(record({ end_time: '99999-01-01 00:00:00+00:00' })),
  'record: year 9999': {
    make: record({ begin_time: '9999-12-31 00:00:00+00:00', end_time: '9999-12-31 23:59:59+00:00' }),
  },
  'record: ends in the last segment there can be': { make: record({ end_wal: '00000001FFFFFFFF000000FF' }) },
  'record: segment size of another world': {
    make: record({ xlog_segment_size: '16777216', end_wal: segment(0xfff) }),
  },
  'record: ends before it begins': { make: record({ begin_wal: segment(7), end_wal: segment(2) }) },
  'record: parent is a path': unreadable(record({ parent_backup_id: '../../../etc' })),
  'record: child is a path': unreadable(record({ children_backup_ids: '../pg' })),
  'record: tablespace name is a path': { make: record({ tablespaces: "[('../../x', 16400, '/../../srv/x')]" }) },
  'record: server name is a path': { make: record({ server_name: '../../etc' }) },
  'record: its own parent': { make: record({ parent_backup_id: SECOND, children_backup_ids: SECOND }) },
  'record: claims another backup': { make: record({ children_backup_ids: `${THIRD},${THIRD}` }) },
  'record: parent missing': { make: record({ parent_backup_id: '20200101T000000' }) },
  'records: parents of each other': {
    make: async (place) => {
      await record({ parent_backup_id: THIRD, children_backup_ids: THIRD })(place);
      const others = { ...texts(6), parent_backup_id: SECOND, children_backup_ids: SECOND };
      await writeFile(place.record(THIRD), recordText(others));
    },
    repair: (place) => writeFile(place.record(THIRD), recordText(texts(6))),
  },
  'index: torn line': { make: indexEnd(`${segment(9)}\t167`), told: ({ index }) => [index, REBUILD] },
  'index: spaces': badIndex(indexEnd('   \n\n  \n')),
  'index: not UTF-8': badIndex(indexEnd(Buffer.from([0xff, 0xfe, 0x80, 0x0a]))),
  'index: NUL bytes': badIndex(indexEnd(Buffer.alloc(8192)), movedAway),
  'index: huge line': badIndex(indexEnd(`${'A'.repeat(100_000)}\n`)),
  'index: path for a name': badIndex(indexEnd('../../x\t1\t1793505600.0\tNone\tNone\n')),
  'index: a directory': badIndex(({ index }) => replaced(index, (path) => mkdir(path)), movedAway),
  'index: a link': {
    make: ({ index }) => replaced(index, (path) => symlink('/dev/null', path)),
    told: ({ index }) => [index, 'HINT: set xlogdb_directory to the folder that holds the file'],
    repair: movedAway,
  },
  'keep: a directory': { make: ({ home }) => mkdir(home.folder('pg', 'meta', `${SECOND}-keep`)) },
  'keep: garbage': { make: ({ home }) => home.addKeep('pg', SECOND, '\0\xff') },
  'base of the backup: a file': { make: ({ base }) => replaced(base(SECOND), (path) => writeFile(path, 'x')) },
  'base of the backup: a link': {
    make: ({ base }) => replaced(base(SECOND), (path) => symlink(base(FIRST), path)),
  },
  'base of the backup: a link to the outside': {
    make: async ({ base, box }) => {
      await mkdir(join(box.root, 'outside', 'data'), { recursive: true });
      await writeFile(join(box.root, 'outside', 'data', 'file'), 'precious');
      await replaced(base(SECOND), (path) => symlink(join(box.root, 'outside'), path));
    },
  },
  'identity: a directory': {
    make: ({ identity }) => mkdir(identity),
    told: ({ identity }) => [identity, 'or move it away'],
  },
  'identity: garbage': {
    make: ({ identity }) => writeFile(identity, '{"systemid": ['),
    told: ({ identity }) => [identity, 'or move it away'],
  },
  'meta: a file': {
    make: ({ home }) => replaced(home.folder('pg', 'meta'), (path) => writeFile(path, 'x')),
    told: ({ home }) => [home.folder('pg', 'meta')],
    repair: async (place) => {
      await rm(place.home.folder('pg', 'meta'), { force: true });
      await place.home.addRecord('pg', THIRD, recordText(texts(6)));
    },
  },
  'meta: missing': {
    make: ({ home }) => rm(home.folder('pg', 'meta'), { recursive: true }),
    repair: ({ home }) => home.addRecord('pg', THIRD, recordText(texts(6))),
  },
  'locks: directories': badLocks((path) => mkdir(path)),
  'locks: links': badLocks((path, { box }) => symlink(join(box.root, 'precious'), path)),
};

/** The command lines that change nothing in the catalog; `DIRECTORY` is a new folder outside of it. */
const LOOKING: Readonly<Record<string, readonly string[]>> = {
  'list-backups': ['pg', '--minimal pg'],
  'show-backup': [`pg ${SECOND}`, 'pg latest'],
  'list-files': [`pg ${SECOND}`, `--target full pg ${THIRD}`, `--target wal pg ${SECOND}`],
  status: ['pg'],
  'show-servers': ['pg'],
  diagnose: ['', '--show-config-source'],
  check: ['pg', '--nagios pg'],
  'verify-backup': [`pg ${SECOND}`],
  'get-wal': [`pg ${segment(4)}`, `-p 3 pg ${segment(4)}`],
  'check-wal-archive': ['pg', '--timeline 2 pg'],
  'check-archived-wal-range': [`pg ${segment(1)} ${segment(8)}`],
  coverage: ['pg'],
  errors: ['pg'],
  'sync-info': ['pg', `pg ${segment(2)} 78`],
  'list-processes': ['pg'],
  'terminate-process': ['pg cron'],
  keep: [`--status pg ${SECOND}`],
  delete: ['--dry-run pg', `--dry-run pg ${SECOND}`],
  'put-wal': ['pg', '--test pg'],
  'export-backup': [`pg ${SECOND} DIRECTORY`],
  restore: [`pg ${SECOND} DIRECTORY`, '--target-time 2026-11-02T12:00:00 pg auto DIRECTORY'],
  'import-backup': ['pg DIRECTORY/no-such.tar'],
  'receive-wal': ['--stop pg', 'pg'],
  'replication-status': ['pg'],
  'switch-wal': ['pg'],
  'config-switch': ['pg --reset'],
};
/** Every way to read the catalog once: what all the damages meet. The rest of the table meets `EVERYTHING`. */
const READERS: readonly string[] = [
  'list-backups pg',
  `show-backup pg ${SECOND}`,
  `list-files --target full pg ${SECOND}`,
  'check pg',
  'errors pg',
  'coverage pg',
  'sync-info pg',
  `keep --status pg ${SECOND}`,
  `check-archived-wal-range pg ${segment(1)} ${segment(8)}`,
  `restore pg ${SECOND} DIRECTORY`,
];
/** One damage of each file, under every command of the table. */
const EVERYTHING = [
  'record: cut',
  'index: a directory',
  'base of the backup: a link to the outside',
  'meta: a file',
  'locks: directories',
];
/** Those that change a catalog, in the order in which `changes` runs them. What may go: FIRST, that the policy gives up. */
const CHANGING: readonly string[] = [
  'cron --keep-descriptors',
  `check-backup pg ${SECOND}`,
  'archive-wal pg',
  `generate-manifest pg ${SECOND}`,
  `keep --target standalone pg ${SECOND}`,
  `keep --release pg ${SECOND}`,
  'errors --resolve pg',
  'backup pg',
  'lock-directory-cleanup',
  'rebuild-xlogdb pg',
];
/** What all the damages meet. Cron runs archive-wal and the policy. */
const CHANGERS: readonly string[] = [
  'cron --keep-descriptors',
  `check-backup pg ${SECOND}`,
  `keep --target standalone pg ${SECOND}`,
  `keep --release pg ${SECOND}`,
  'rebuild-xlogdb pg',
];
/** Commands that look at no catalog. */
const ELSEWHERE = ['help', 'completion', 'list-servers', 'config-update'];

/** What is printed as EXCEPTION on purpose: Barman's own words. */
const DELIBERATE = [
  "Unable to run cron on server 'pg', please look in the barman log file for more details.",
  'empty file',
];

let free = AT_ONCE;
const queue: (() => void)[] = [];

async function barman(box: Sandbox, words: readonly string[]): Promise<ProgramResult> {
  if (free > 0) free -= 1;
  else await new Promise<void>((resolve) => queue.push(resolve));
  try {
    return await box.barman(words, { limitMs: LIMIT_MS });
  } finally {
    const next = queue.shift();
    if (next === undefined) free += 1;
    else next();
  }
}

async function run(box: Sandbox, words: readonly string[]): Promise<ProgramResult> {
  const result = await barman(box, words);
  const said = `${words.join(' ')}: ${result.stdout}${result.stderr}`;
  const exceptions = [...said.matchAll(/EXCEPTION: (.*)$/gm)].map(([, text]) => text ?? '');
  expect(
    exceptions.filter((text) => !DELIBERATE.includes(text)),
    said,
  ).toEqual([]);
  expect(said).not.toMatch(/defect of this program|^\s+at .*:\d+|TypeError|RangeError|ERR_|: undefined/m);
  expect(result.code, said).toBeLessThan(4);
  if (result.code !== 0) expect(result.stdout + result.stderr, `${words[0]} says why`).not.toBe('');
  return result;
}

let folders = 0;
const wordsOf = ({ box }: Place, line: string) =>
  line
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => word.replace('DIRECTORY', join(box.root, `new-${(folders += 1)}`)));

/** Every path below a folder with what is there; lock files, the log and what a command was told to make come and go. */
async function tree(root: string): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  const visit = async (path: string, name: string): Promise<void> => {
    if (/\.lock$|^\/barman\.log|^\/new-\d+/.test(name)) return;
    const facts = await lstat(path);
    if (facts.isDirectory()) {
      found[name] = 'directory';
      for (const child of await readdir(path)) await visit(join(path, child), `${name}/${child}`);
    } else if (facts.isSymbolicLink()) found[name] = `-> ${await readlink(path)}`;
    else found[name] = (await readFile(path)).toString('latin1');
  };
  await visit(root, '');
  return found;
}

/** All that was there before and is not there, or something else, less what may go. */
async function lost(place: Place, before: Readonly<Record<string, string>>, mayGo: RegExp): Promise<string[]> {
  const after = await tree(place.box.root);
  return Object.keys(before).filter((name) => after[name] !== before[name] && !mayGo.test(name));
}

const named = (name: string, test: (place: Place, damage: Damage) => Promise<void>) => async () => {
  const damage = DAMAGES[name];
  if (damage === undefined) throw new Error(`no damage '${name}'`);
  const place = await makePlace();
  try {
    await damage.make(place);
    await test(place, damage);
  } finally {
    await place.box.dispose();
  }
};

const INDEX = /pg-xlog\.db/;
const wals = (digits: string) => `/pg/wals/${segment(0).slice(0, 16)}/${segment(0).slice(0, -1)}[${digits}]$`;
/** The policy gives up FIRST and the WAL before SECOND begins; of SECOND only notes change, and its status. */
const FIRST_MAY_GO = new RegExp(`${INDEX.source}|${FIRST}|${wals('123')}|/meta/${SECOND}|/meta$|/${SECOND}/data$`);
const SECOND_MAY_GO = new RegExp(`${INDEX.source}|${FIRST}|${SECOND}|${wals('12345')}|/meta$`);

async function look(place: Place, damage: Damage, lines: readonly string[]): Promise<void> {
  const before = await tree(place.box.root);
  const outcomes = await Promise.allSettled(lines.map((line) => run(place.box, wordsOf(place, line))));
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
  expect(failures).toEqual([]);
  const said = outcomes.flatMap((outcome) =>
    outcome.status === 'fulfilled' ? [outcome.value.stdout, outcome.value.stderr] : [],
  );
  // Also a look repairs a torn line, and makes an index that is missing.
  expect(await lost(place, before, INDEX)).toEqual([]);
  for (const text of damage.told?.(place) ?? []) expect(said.join('')).toContain(text);
}

async function change(place: Place, damage: Damage, lines: readonly string[]): Promise<void> {
  const { box } = place;
  const before = await tree(box.root);
  for (const line of lines) {
    await run(box, wordsOf(place, line));
    expect(await lost(place, before, FIRST_MAY_GO), line).toEqual([]);
  }
  await run(box, ['delete', 'pg', SECOND]);
  expect(await lost(place, before, SECOND_MAY_GO), 'delete').toEqual([]);
  await damage.repair?.(place);
  const restored = join(box.root, 'new-restored');
  const { code, stdout, stderr } = await run(box, ['restore', 'pg', THIRD, restored]);
  expect(code, stdout + stderr).toBe(0);
  expect(await readFile(join(restored, 'PG_VERSION'), 'utf8')).toBe('15\n');
}

describe('a damaged catalog', { concurrent: true }, () => {
  it('meets every command of the program', () => {
    const met = [...CHANGING.map((line) => line.split(' ')[0]), ...Object.keys(LOOKING), ...ELSEWHERE];
    expect(new Set(met)).toEqual(new Set(COMMANDS.map(({ name }) => name)));
  });

  it.each(Object.keys(DAMAGES))('%s: looking costs nothing', (name) =>
    named(name, (place, damage) => look(place, damage, READERS))(),
  );

  it.each(EVERYTHING)('%s: no command that looks costs anything', (name) =>
    named(name, (place, damage) => {
      const lines = Object.entries(LOOKING).flatMap(([command, args]) => args.map((rest) => `${command} ${rest}`));
      return look(place, damage, lines);
    })(),
  );

  it.each(Object.keys(DAMAGES))('%s: changing takes no good backup and no WAL that it needs', (name) =>
    named(name, (place, damage) => change(place, damage, EVERYTHING.includes(name) ? CHANGING : CHANGERS))(),
  );
});
