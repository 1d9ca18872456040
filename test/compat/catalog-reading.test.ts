/** list-backups, show-backup, keep and delete beside the reference: same catalogs, same words, same files left. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  catalogHome,
  type CatalogHome,
  type RecordTexts,
  segment,
  segments,
  span,
  UNSTARTED,
  type WalLine,
} from '../support/catalog-home.ts';
import { makeSandbox, type ProgramResult, referenceFolder, type Sandbox } from '../support/sandbox.ts';

const id = (day: number) => `202611${String(day).padStart(2, '0')}T040000`;
const ended = (day: number, zone = '+00:00') => ({
  end_time: `2026-11-${String(day).padStart(2, '0')} 05:00:07.5${zone}`,
});
const gzipped = (from: number, to: number, timeline = 1): WalLine[] =>
  segments(from, to, timeline).map((line, index) => ({ ...line, size: 1_000_000 + index, compression: 'gzip' }));

interface Box {
  readonly sandbox: Sandbox;
  readonly home: CatalogHome;
}

async function makeBox(): Promise<Box> {
  const sandbox = await makeSandbox();
  return { sandbox, home: catalogHome(sandbox.home) };
}

const section = (name: string, extra = '') =>
  `[${name}]\nconninfo = host=127.0.0.1 port=1\nstreaming_conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n${extra}\n`;

/** Every kind of record and every row of show-backup. */
async function fillMixed({ home }: Box): Promise<void> {
  const add = (day: number, texts: RecordTexts) => home.addBackup('mixed', id(day), texts);
  await add(1, {
    ...span(2, 3),
    ...ended(1),
    backup_name: 'weekly',
    children_backup_ids: `${id(2)},${id(3)}`,
    summarize_wal: 'on',
  });
  await add(2, {
    ...span(6, 7),
    ...ended(2, '+05:30'),
    parent_backup_id: id(1),
    deduplicated_size: '300000',
    size: '300000',
    tablespaces: "[('ts1', 16386, '/srv/ts 1'), ('ü', 16387, '/srv/ü')]",
  });
  await add(3, {
    ...span(8, 8),
    ...ended(3),
    parent_backup_id: id(1),
    status: 'FAILED',
    error: 'failure copying files (no "space" left, é)',
  });
  await add(4, {
    ...span(9, 9),
    ...ended(4),
    mode: 'rsync-concurrent',
    deduplicated_size: '8437',
    copy_stats: "{'total_time': 1.86324, 'number_of_workers': 3, 'analysis_time': 61.5, 'copy_time': 0.948675}",
  });
  await add(5, { ...UNSTARTED, server_name: 'mixed' });
  await add(6, {
    ...span(11, 11),
    ...ended(6),
    compression: 'gzip',
    encryption: 'gpg',
    backup_name: 'twice',
    copy_stats: 'None',
  });
  await add(7, { ...span(12, 14), ...ended(7), status: 'WAITING_FOR_WALS', mode: 'passive', backup_name: 'twice' });
  await add(8, { ...span(15, 15), status: 'STARTED', end_wal: 'None', end_time: 'None', data_checksums: 'off' });
  await add(9, {
    ...span(15, 15, 2),
    ...ended(9),
    begin_xlog: '0/F000028',
    end_xlog: '0/F000100',
    cluster_size: 'None',
    xlog_segment_size: '1048576',
  });
  await add(10, { ...UNSTARTED, server_name: 'mixed', status: 'SYNCING', mode: 'passive' });
  await home.writeWals('mixed', [
    ...segments(1, 4),
    { name: `${segment(2)}.00000028.backup`, size: 300 },
    ...gzipped(5, 10),
    { name: '00000002.history', size: 40 },
    ...segments(11, 13),
    { name: `${segment(13)}.partial` },
    ...gzipped(12, 20, 2),
    ...gzipped(21, 22, 3),
  ]);
  await writeFile(home.folder('mixed', 'wals', '00000002.history'), '1\t0/D000000\tno recovery target specified\n');
  await writeFile(
    home.folder('mixed', 'wals', '00000003.history'),
    '1\t0/D000000\tno recovery target specified\n\n2\t0/15000000\tbefore 2026-11-20 00:00:00+00\n',
  );
}

/** Chains and kept backups, for every policy. */
async function fillKept({ home }: Box, server: string): Promise<void> {
  const add = (day: number, texts: RecordTexts) =>
    home.addBackup(server, id(day), { ...span(day * 4, day * 4 + 1), ...ended(day), ...texts });
  await add(1, {});
  await add(2, { children_backup_ids: `${id(3)},${id(4)}` });
  await add(3, { parent_backup_id: id(2), children_backup_ids: id(5) });
  await add(4, { parent_backup_id: id(2), status: 'FAILED' });
  await add(5, { parent_backup_id: id(3) });
  await add(6, {});
  await add(7, { status: 'WAITING_FOR_WALS' });
  await add(8, { children_backup_ids: id(9) });
  await add(9, { parent_backup_id: id(8) });
  await home.addKeep(server, id(2), 'standalone');
  await home.addKeep(server, id(6), 'full');
  await home.writeWals(server, [...segments(1, 12), { name: `${segment(12)}.00000028.backup` }, ...segments(13, 40)]);
}

const POLICIES = [
  '',
  'retention_policy = REDUNDANCY 1',
  'retention_policy = redundancy 2\nminimum_redundancy = 3',
  'retention_policy = RECOVERY WINDOW OF 3 WEEKS\nminimum_redundancy = 4',
  'retention_policy = RECOVERY WINDOW OF 1 DAY',
];

describe.skipIf(referenceFolder === undefined)('reading a catalog beside the reference', () => {
  let box: Box;

  beforeAll(async () => {
    box = await makeBox();
    await box.sandbox.writeConfig(
      [section('mixed'), section('nothing'), ...POLICIES.map((policy, index) => section(`kept${index}`, policy))].join(
        '\n',
      ),
    );
    await fillMixed(box);
    for (const index of POLICIES.keys()) await fillKept(box, `kept${index}`);
  });

  afterAll(() => box?.sandbox.dispose());

  async function compare(...args: string[]): Promise<ProgramResult> {
    const { sandbox } = box;
    const [ours, theirs] = [await sandbox.barman(args), await sandbox.reference(args)];
    expect(ours).toEqual(theirs);
    return ours;
  }

  it.each(['console', 'json'])('lists all backups (%s)', async (format) => {
    expect((await compare('-f', format, 'list-backups', 'all')).code).toBe(0);
    await compare('-f', format, 'list-backups', '--minimal', 'mixed', 'nothing');
    expect((await compare('-f', format, 'list-backups', 'nosuch', 'kept1')).code).toBe(1);
  });

  it.each(['console', 'json'])('shows every backup (%s)', async (format) => {
    for (let day = 1; day <= 10; day += 1) await compare('-f', format, 'show-backup', 'mixed', id(day));
    for (const index of POLICIES.keys()) {
      for (const day of [2, 5, 9]) await compare('-f', format, 'show-backup', `kept${index}`, id(day));
    }
  });

  it('keeps and releases with the same words', async () => {
    await compare('keep', 'mixed', 'weekly');
    for (const day of [1, 2, 3, 7]) await compare('keep', '--status', 'mixed', id(day));
    for (const day of [2, 3, 7, 8, 11])
      expect((await compare('keep', '--target', 'full', 'mixed', id(day))).code).toBe(1);
    const { sandbox } = box;
    expect(await sandbox.barman(['keep', '--target', 'standalone', 'mixed', 'weekly'])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    await compare('-f', 'json', 'keep', '--status', 'mixed', 'weekly');
    expect(await readFile(box.home.folder('mixed', 'meta', `${id(1)}-keep`), 'utf8')).toBe('standalone');
    expect(await sandbox.reference(['keep', '--release', 'mixed', 'weekly'])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
    await compare('keep', '--release', 'mixed', 'weekly');
    await compare('keep', '--status', '--release', '--target', 'full', 'mixed', 'weekly');
  });
});

describe.skipIf(referenceFolder === undefined)('deleting beside the reference', () => {
  /** The same catalog twice: one for each program. */
  let ours: Box;
  let theirs: Box;

  beforeAll(async () => {
    [ours, theirs] = [await makeBox(), await makeBox()];
    for (const box of [ours, theirs]) {
      await box.sandbox.writeConfig(section('pg') + section('safe', 'minimum_redundancy = 5'));
      for (const server of ['pg', 'safe']) await fillKept(box, server);
    }
  });

  afterAll(async () => {
    await ours?.sandbox.dispose();
    await theirs?.sandbox.dispose();
  });

  async function compare(...args: string[]): Promise<ProgramResult> {
    const mine = normal(await ours.sandbox.barman(args), ours.sandbox.root);
    expect(mine).toEqual(normal(await theirs.sandbox.reference(args), theirs.sandbox.root));
    expect(await tree(ours)).toEqual(await tree(theirs));
    return mine;
  }

  /** Every file below the home, except locks, with the content of the records and of the index. */
  async function tree({ sandbox }: Box): Promise<string[]> {
    const names = (await readdir(sandbox.home, { recursive: true })).filter((name) => !name.includes('.lock')).sort();
    return Promise.all(
      names.map(async (name) =>
        /backup\.info$|xlog\.db$/.test(name) ? `${name}\n${await readFile(`${sandbox.home}/${name}`, 'utf8')}` : name,
      ),
    );
  }

  it('refuses, removes and leaves the same', async () => {
    expect((await compare('delete', 'pg', id(2))).stderr).toMatch(/current keep request/);
    expect((await compare('delete', 'safe', 'latest-full')).stderr).toMatch(/minimum redundancy/);
    expect((await compare('delete', 'safe', id(4))).code).toBe(0);
    expect((await compare('delete', 'pg', 'nosuch')).code).toBe(1);
    // A chain of the newest; the oldest with its WAL; behind a standalone one; the middle of a chain; the rest.
    expect((await compare('delete', 'pg', id(8))).stdout.split('\n')[0]).toBe(`Deleting backup ${id(9)} for server pg`);
    expect((await compare('delete', 'pg', 'oldest')).stdout).toContain(`\t${segment(7)}\n`);
    await compare('delete', 'pg', id(3));
    await compare('keep', '--release', 'pg', id(6));
    await compare('delete', 'pg', id(6));
    await compare('keep', '--release', 'pg', id(2));
    await compare('-f', 'json', 'delete', 'pg', id(2));
    expect((await compare('delete', 'pg', 'last')).stdout).toContain('Delete associated WAL segments:\n');
    await compare('list-backups', 'pg');
  });
});

/** The record that the reference dumps and the times are not compared. */
function normal({ code, stdout, stderr }: ProgramResult, root: string): ProgramResult {
  const clean = (text: string) =>
    text
      .replaceAll(root, 'ROOT')
      .replace(/(LocalBackupInfo\().*/g, '$1')
      .replace(/start time: [^,]*, elapsed time: [^)]*/g, 'TIMES');
  return { code, stdout: clean(stdout), stderr: clean(stderr) };
}
