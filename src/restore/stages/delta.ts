/**
 * --delta-restore: a destination that already holds a cluster becomes that of the backup. What is obsolete goes, what is
 * equal stays, the rest is copied. Only what belongs to PostgreSQL is ever deleted: files that an administrator put beside
 * it stay (Barman 3.20.1 deletes them). Source: docs/behaviour/recovery.md 4 step 5 and 6.2.
 */
import { type FileHandle, lstat, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, openToRead, syncDirectory } from '../../host/files.ts';
import { parseBackupInfo } from '../../domain/backup/backup-info-file.ts';
import { messageOf, RecoveryError } from '../../domain/errors.ts';
import { compareTimestamps, formatTimestamp } from '../../domain/time/timestamp.ts';
import { isAlive } from '../../host/process/alive.ts';
import type { CommandContext } from '../../server/context.ts';
import { native, toBinary, type Tree, type TreeFile } from './copy.ts';
import type { RecoveryPlan } from '../plan.ts';

/** @throws RecoveryError when the destination is no PostgreSQL directory, or a server runs on it */
export async function checkDeltaDestination(path: string, shown: string): Promise<void> {
  const version = await lstat(join(path, 'PG_VERSION')).catch(() => null);
  if (!version?.isFile()) throw notOfPostgres(shown);
  const pid = await runningServer(path);
  if (pid !== null) throw mayBeRunning(path, shown, pid);
}

const OTHER_FOLDER = { hint: 'choose an empty folder, or the one of an earlier restore' };

export function notOfPostgres(shown: string): RecoveryError {
  return new RecoveryError(
    `Cannot restore into '${shown}' with delta mode: it is neither empty nor a PostgreSQL data directory`,
    OTHER_FOLDER,
  );
}

export function mayBeRunning(path: string, shown: string, pid: number): RecoveryError {
  return new RecoveryError(`Cannot restore into '${shown}': a PostgreSQL server with pid ${pid} may be running on it`, {
    hint: `stop it first (pg_ctl -D '${path}' stop), or remove a stale postmaster.pid`,
  });
}

/** The pid in postmaster.pid when such a process exists; null for none. An unreadable file counts as pid 0. */
async function runningServer(path: string): Promise<number | null> {
  const file = join(path, 'postmaster.pid');
  if (!(await exists(file))) return null;
  const pid = Number.parseInt(await readFile(file, 'utf8').catch(() => '0'), 10);
  if (!(pid > 0)) return 0;
  return isAlive(pid) ? pid : null;
}

/** A tablespace directory that is not empty holds `PG_15_202209061` and nothing else. @throws RecoveryError */
export function refuseStrangers(entries: readonly string[], path: string, name: string): void {
  const strangers = entries.filter((entry) => !/^PG_\d+(?:\.\d+)?_\d+$/.test(entry));
  if (strangers.length === 0) return;
  throw new RecoveryError(
    `Cannot restore tablespace '${name}' into '${path}' with delta mode: '${strangers[0]}' is no part of a tablespace`,
    OTHER_FOLDER,
  );
}

/** The record that an earlier restore left in the destination. */
export const RECORD = '.barman-recover.info';

/**
 * Says from which moment on (ms) equal size and time prove nothing; null when nothing is known about the destination,
 * or nothing of it is to be kept. `readRecord` reads what an earlier restore left there, or finds nothing.
 */
export async function safeHorizon(
  ctx: CommandContext,
  plan: RecoveryPlan,
  readRecord: (path: string) => Promise<string | null>,
): Promise<number | null> {
  const path = join(plan.destination, RECORD);
  const began = plan.info.beginTime;
  try {
    const text = began === null || !plan.delta ? null : await readRecord(path);
    if (began === null || text === null) return null;
    const earlier = parseBackupInfo(text, plan.info.backupId, path).beginTime;
    if (earlier === null) return null;
    const horizon = compareTimestamps(earlier, began) < 0 ? earlier : began;
    ctx.output.info(`Using safe horizon time for smart rsync copy: ${formatTimestamp(horizon)}`);
    return Number(horizon.epochMicros / 1000n);
  } catch (error) {
    ctx.log.named('barman.recovery_executor').warning(`cannot read '${path}': ${messageOf(error)}`);
    return null;
  }
}

/** In `global`. */
export const OBSOLETE_CONTROL_FILE = 'pg_control.barman-obsolete';

/** Takes the control file away first: from here to the end of the restore PostgreSQL does not start on the destination. */
export async function holdControlFile(destination: string): Promise<void> {
  const directory = join(destination, 'global');
  if (!(await exists(join(directory, 'pg_control')))) return;
  await rename(join(directory, 'pg_control'), join(directory, OBSOLETE_CONTROL_FILE));
  await syncDirectory(directory);
}

/** At the top of PGDATA: directories and files of PostgreSQL and of earlier restores. */
const OWN_ENTRY =
  /^(?:base|global|log|barman_wal|pg_(?!hba|ident).*|PG_VERSION|backup_label.*|tablespace_map.*|backup_manifest.*|postmaster\.(?:pid|opts)|recovery\.(?:conf|done)|.*\.signal|.*\.origin|current_logfiles|\.barman-recover\.info)$/;

export interface Purge {
  readonly tree: Tree;
  /** Only entries of PostgreSQL at the top; false for a tablespace, where everything is. */
  readonly isCluster: boolean;
  /** Absolute binary paths that are not entered: tablespaces inside the destination. */
  readonly keep: ReadonlySet<string>;
}

/** What is to become of an entry below a directory that is entered. */
export type Fate = 'keep' | 'enter' | 'remove';

/** Judges the entries of one directory tree: `path` is below its root, both binary. */
export function judgeEntries(root: string, { tree, isCluster, keep }: Purge): (path: string, kind: string) => Fate {
  const known = new Map<string, 'directory' | 'file'>(tree.directories.map(({ path }) => [path, 'directory']));
  for (const { path } of tree.files) known.set(path, 'file');
  return (path, kind) => {
    const full = `${root}/${path}`;
    if (keep.has(full)) return 'keep';
    if (!path.includes('/') && isCluster && !known.has(path) && !OWN_ENTRY.test(path)) return 'keep';
    if (kind === 'directory') return known.get(path) === 'directory' || holdsKept(full, keep) ? 'enter' : 'remove';
    return kind === 'file' && known.get(path) === 'file' ? 'keep' : 'remove';
  };
}

/** Deletes what the backup does not hold. Links are removed, never followed. */
export async function purge(directory: string, what: Purge): Promise<void> {
  const root = toBinary(directory);
  const fateOf = judgeEntries(root, what);
  const pending = [''];
  for (let parent = pending.pop(); parent !== undefined; parent = pending.pop()) {
    const at = parent === '' ? root : `${root}/${parent}`;
    for (const entry of await readdir(native(at), { withFileTypes: true, encoding: 'latin1' })) {
      const path = parent === '' ? entry.name : `${parent}/${entry.name}`;
      const fate = fateOf(path, entry.isDirectory() ? 'directory' : entry.isFile() ? 'file' : 'other');
      if (fate === 'enter') pending.push(path);
      else if (fate === 'remove') await rm(native(`${at}/${entry.name}`), { recursive: entry.isDirectory() });
    }
  }
}

function holdsKept(path: string, keep: ReadonlySet<string>): boolean {
  return [...keep].some((kept) => kept.startsWith(`${path}/`));
}

/** True when the file there needs no copy; otherwise it is out of the way. */
export async function isUpToDate(file: TreeFile, target: Buffer, horizonMs: number | null): Promise<boolean> {
  const present = await lstat(target).catch(() => null);
  if (present === null) return false;
  const isSame =
    present.isFile() &&
    present.size === file.size &&
    Math.abs(present.mtimeMs - file.mtimeMs) < 1 &&
    ((horizonMs !== null && file.mtimeMs < horizonMs) ||
      (await haveEqualContent(native(file.source), target, file.size)));
  if (!isSame) await rm(target, { force: true });
  return isSame;
}

const PIECE = 256 * 1024;

async function haveEqualContent(left: Buffer, right: Buffer, size: number): Promise<boolean> {
  const handles: FileHandle[] = [];
  try {
    for (const path of [left, right]) handles.push(await openToRead(path));
    const [one, two] = handles;
    if (!one || !two) return false;
    const [first, second] = [Buffer.allocUnsafe(PIECE), Buffer.allocUnsafe(PIECE)];
    for (let position = 0; position < size;) {
      const wanted = Math.min(PIECE, size - position);
      const [a, b] = await Promise.all([one.read(first, 0, wanted, position), two.read(second, 0, wanted, position)]);
      if (a.bytesRead === 0 || a.bytesRead !== b.bytesRead) return false;
      if (!first.subarray(0, a.bytesRead).equals(second.subarray(0, b.bytesRead))) return false;
      position += a.bytesRead;
    }
    return true;
  } finally {
    for (const handle of handles) await handle.close();
  }
}
