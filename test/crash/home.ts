/** A small barman_home for crash runs: kept as a template, copied for each point, judged afterwards. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { parseWalName } from '../../src/domain/wal/wal.ts';
import { catalogHome, type RecordTexts } from '../support/catalog-home.ts';
import { SYSTEM_ID, walSegment } from '../support/wal-files.ts';

export interface CrashHome {
  readonly root: string;
  readonly home: string;
  readonly configFile: string;
  /** `home/pg/...`. */
  path(...parts: readonly string[]): string;
  /** Every file and directory below home/pg, and what lies beside it, with '/' behind directories; locks left out. */
  tree(): Promise<readonly string[]>;
  dispose(): Promise<void>;
}

/** Nothing of PostgreSQL answers. */
export const OFFLINE =
  'conninfo = host=127.0.0.1 port=1\nstreaming_conninfo = host=127.0.0.1 port=1\narchiver = on\nbackup_method = postgres';

/** An empty home of server `pg` with these lines in its section; WAL and backups are those of the cluster `systemId`. */
export async function makeHome(section: string, systemId: string = SYSTEM_ID): Promise<CrashHome> {
  const root = await mkdtemp(join(tmpdir(), 'barman-crash-'));
  const made = at(root);
  for (const name of ['incoming', 'streaming', 'wals', 'errors', 'base', 'meta']) {
    await mkdir(made.path(name), { recursive: true });
  }
  await writeFile(made.path('identity.json'), `{\n  "systemid": "${systemId}",\n  "version": "15"\n}`);
  await writeFile(
    made.configFile,
    `[barman]\nbarman_user = ${userInfo().username}\nbarman_home = ${made.home}\nlog_file = ${root}/barman.log\nlog_level = DEBUG\n` +
      `[pg]\n${section}\n`,
  );
  return made;
}

/** The same at the same paths: put back as it was. */
export async function restoreHome(template: string, home: CrashHome): Promise<void> {
  // A background process that was cut off writes its last.
  await rm(home.home, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  await cp(template, home.home, { recursive: true, preserveTimestamps: true });
}

function at(root: string): CrashHome {
  const home = join(root, 'home');
  return {
    root,
    home,
    configFile: join(root, 'barman.conf'),
    path: (...parts) => join(home, 'pg', ...parts),
    tree: async () => {
      const entries = await readdir(home, { recursive: true, withFileTypes: true });
      return entries
        .map((entry) => {
          const path = join(entry.parentPath, entry.name).slice(home.length + 1);
          return entry.isDirectory() ? `${path}/` : path;
        })
        .filter((path) => !path.endsWith('.lock'))
        .sort();
    },
    dispose: () => rm(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 }),
  };
}

/** Puts segments into `incoming`. */
export async function queueWals(home: CrashHome, names: readonly string[]): Promise<void> {
  for (const name of names) await writeFile(home.path('incoming', name), walSegment(name));
}

/** Archived segments with their lines, as if they had come long ago. */
export async function archiveWals(home: CrashHome, names: readonly string[]): Promise<void> {
  const lines: string[] = [];
  for (const name of names) {
    const file = parseWalName(name);
    const folder = file?.kind === 'history' ? home.path('wals') : home.path('wals', name.slice(0, 16));
    await mkdir(folder, { recursive: true });
    const content = file?.kind === 'segment' ? walSegment(name) : Buffer.from(`${name}\n`);
    await writeFile(join(folder, name), content);
    lines.push(`${name}\t${content.length}\t1793505600.5\tNone\tNone\n`);
  }
  await writeFile(home.path('wals', 'pg-xlog.db'), lines.join(''));
}

/** A DONE backup with a few files of data. */
export async function addBackup(home: CrashHome, id: string, texts: RecordTexts): Promise<void> {
  await catalogHome(home.home).addBackup('pg', id, { xlog_segment_size: '1048576', ...texts });
  await writeFile(home.path('base', id, 'data', 'global', 'pg_control'), id.repeat(50));
  await writeFile(home.path('base', id, 'data', 'backup_label'), id);
}

/** The names that xlog.db lists, in its order. */
export async function indexed(home: CrashHome): Promise<readonly string[]> {
  const text = await readFile(home.path('wals', 'pg-xlog.db'), 'latin1').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0] ?? '');
}
