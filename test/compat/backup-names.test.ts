/** What may be typed for a backup, and keep with old and new annotations, beside the reference. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogHome, type RecordTexts, segments, span, UNSTARTED } from '../support/catalog-home.ts';
import { makeSandbox, type ProgramResult, referenceFolder, type Sandbox } from '../support/sandbox.ts';

const id = (day: number) => `202611${String(day).padStart(2, '0')}T040000`;

const section = (name: string, extra = '') =>
  `[${name}]\nconninfo = host=127.0.0.1 port=1\nstreaming_conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n${extra}\n`;

/** Records by day of each server; no file says more about a backup than its record. */
const CATALOGS: Readonly<Record<string, Readonly<Record<number, RecordTexts>>>> = {
  // The newest of each kind is another one.
  chain: {
    1: { backup_name: 'sunday', children_backup_ids: id(2) },
    2: { backup_name: 'monday', parent_backup_id: id(1), children_backup_ids: `${id(3)},${id(4)}` },
    3: { parent_backup_id: id(2), status: 'FAILED', error: 'failure' },
    4: { parent_backup_id: id(2), status: 'WAITING_FOR_WALS' },
  },
  // Neither the oldest nor the newest can be restored; two have one name, one name is that of a failed backup as well.
  mixed: {
    1: { status: 'FAILED', error: 'failure', backup_name: 'twice' },
    2: { backup_name: 'weekly' },
    3: { backup_name: 'twice' },
    4: { status: 'WAITING_FOR_WALS', backup_name: 'twice' },
    5: { status: 'FAILED', error: 'failure', backup_name: 'broken' },
    6: { backup_name: 'broken', mode: 'rsync-concurrent' },
    7: { ...UNSTARTED, backup_name: 'empty' },
    8: { status: 'STARTED', end_wal: 'None', end_time: 'None', backup_name: 'begun' },
    9: { ...UNSTARTED, status: 'SYNCING', mode: 'passive', backup_name: 'copied' },
  },
  failed: {
    1: { status: 'FAILED', error: 'failure' },
    2: { status: 'FAILED', error: 'failure', backup_name: 'broken' },
  },
  nothing: {},
};

const SHORTCUTS = ['latest', 'last', 'oldest', 'first', 'latest-full', 'last-full', 'last-failed'];

async function fill(sandbox: Sandbox, server: string): Promise<void> {
  const home = catalogHome(sandbox.home);
  for (const [day, texts] of Object.entries(CATALOGS[server] ?? {})) {
    const number = Number(day);
    const base = texts.status === 'EMPTY' || texts.status === 'SYNCING' ? {} : span(number * 2, number * 2);
    await home.addBackup(server, id(number), { ...base, ...texts, server_name: server });
  }
  await home.writeWals(server, segments(1, 20));
}

/** Barman names the ids in the order of the directory, which depends on the file system; here they come oldest first. */
function inOrder(result: ProgramResult): ProgramResult {
  const stderr = result.stderr.replace(/(?<=\(try using backup ID instead\): ).*/, (ids) =>
    ids.split(' ').sort().join(' '),
  );
  return { ...result, stderr };
}

describe.skipIf(referenceFolder === undefined)('the names of a backup beside the reference', () => {
  let box: Sandbox;

  beforeAll(async () => {
    box = await makeSandbox();
    await box.writeConfig(
      Object.keys(CATALOGS)
        .map((name) => section(name))
        .join('\n'),
    );
    for (const name of Object.keys(CATALOGS)) await fill(box, name);
  });
  afterAll(() => box?.dispose());

  async function compare(server: string, word: string): Promise<ProgramResult> {
    const args = ['show-backup', server, word];
    const [ours, theirs] = await Promise.all([box.barman(args), box.reference(args)]);
    expect(ours, args.join(' ')).toEqual(inOrder(theirs));
    return ours;
  }
  const shown = ({ stdout }: ProgramResult) => /^Backup (\S+):/.exec(stdout)?.[1];

  it.each([
    ['chain', [4, 4, 1, 1, 1, 1, 3]],
    ['mixed', [6, 6, 2, 2, 6, 6, 5]],
    ['failed', [null, null, null, null, null, null, 2]],
    ['nothing', [null, null, null, null, null, null, null]],
  ] as const)('every shortcut on %s', async (server, days) => {
    for (const [index, word] of SHORTCUTS.entries()) {
      const day = days[index] ?? null;
      expect(shown(await compare(server, word)), word).toBe(day === null ? undefined : id(day));
    }
  });

  it('names, alone and ambiguous, of backups in each status', async () => {
    expect(shown(await compare('mixed', 'weekly'))).toBe(id(2));
    expect(shown(await compare('mixed', 'broken'))).toBe(id(6));
    const ambiguous = await compare('mixed', 'twice');
    expect(ambiguous).toEqual({
      code: 1,
      stdout: '',
      stderr: `ERROR: Multiple backups found matching name 'twice' (try using backup ID instead): ${id(3)} ${id(4)}\n`,
    });
    for (const word of ['empty', 'begun', 'copied', 'Weekly', 'week', 'auto', 'LATEST', '20261102', `${id(2)} `]) {
      expect((await compare('mixed', word)).code, word).toBe(1);
    }
    expect((await compare('failed', 'broken')).code).toBe(1);
    expect(shown(await compare('chain', 'monday'))).toBe(id(2));
  });

  it('ids in each status', async () => {
    for (const day of Object.keys(CATALOGS.mixed ?? {})) {
      expect(shown(await compare('mixed', id(Number(day))))).toBe(id(Number(day)));
    }
    expect((await compare('mixed', id(28))).code).toBe(1);
  });
});

describe.skipIf(referenceFolder === undefined)('keep beside the reference', () => {
  /** The same home twice: one for each program. */
  let ours: Sandbox;
  let theirs: Sandbox;

  beforeAll(async () => {
    [ours, theirs] = [await makeSandbox(), await makeSandbox()];
    for (const sandbox of [ours, theirs]) {
      await sandbox.writeConfig(
        ['chain', 'mixed'].map((name) => section(name, 'retention_policy = REDUNDANCY 1')).join('\n'),
      );
      for (const name of ['chain', 'mixed']) await fill(sandbox, name);
      for (const [day, target] of [
        [2, 'standalone'],
        [3, 'full'],
        [6, 'full'],
      ] as const) {
        const directory = join(sandbox.home, 'mixed', 'base', id(day), 'annotations');
        await mkdir(directory);
        await writeFile(join(directory, 'keep'), target);
      }
    }
  });
  afterAll(async () => {
    await ours?.dispose();
    await theirs?.dispose();
  });

  async function compare(...args: string[]): Promise<ProgramResult> {
    const [mine, expected] = await Promise.all([ours.barman(args), theirs.reference(args)]);
    expect(mine, args.join(' ')).toEqual(inOrder(expected));
    expect(await annotations(ours), args.join(' ')).toEqual(await annotations(theirs));
    return mine;
  }

  /** Every annotation at either place, with its text; the folders that hold them. */
  async function annotations({ home }: Sandbox): Promise<string[]> {
    const names = await readdir(home, { recursive: true });
    const found = names.filter((name) => /\/meta\/.*-keep$|\/annotations(\/|$)/.test(name)).sort();
    return Promise.all(
      found.map(async (name) =>
        name.endsWith('annotations') ? name : `${name}: ${await readFile(join(home, name), 'utf8')}`,
      ),
    );
  }

  it('reads an annotation at its old place and moves it', async () => {
    expect((await compare('keep', '--status', 'mixed', 'weekly')).stdout).toBe('Server mixed:\n\tKeep: standalone\n');
    expect(await annotations(ours)).toContain(`mixed/meta/${id(2)}-keep: standalone`);
    // show-backup asks the policy, which asks for the annotation of every backup.
    expect((await compare('show-backup', 'mixed', 'oldest')).stdout).toContain('KEEP');
    expect((await compare('keep', '--release', 'mixed', id(3))).code).toBe(0);
    await compare('keep', '--status', 'mixed', id(3));
    await compare('-f', 'json', 'keep', '--status', 'mixed', 'latest');
    await compare('list-backups', 'mixed');
  });

  it('resolves what is typed, and refuses by status and kind', async () => {
    for (const word of SHORTCUTS) await compare('keep', '--target', 'full', 'chain', word);
    for (const word of ['sunday', 'monday', 'twice', 'nosuch']) await compare('keep', '--status', 'chain', word);
    await compare('keep', '--target', 'standalone', 'mixed', 'twice');
    for (const day of [1, 4, 7, 8, 9]) {
      expect((await compare('keep', '--target', 'full', 'mixed', id(day))).code).toBe(1);
    }
    await compare('keep', '--target', 'standalone', 'chain', 'latest-full');
    await compare('keep', '--status', 'chain', 'oldest');
    await compare('keep', '--release', 'chain', 'first');
  });
});
