/**
 * Which archived WAL files a recovery needs: one pass over xlog.db, then one look at each file, before anything is copied.
 * Source: docs/behaviour/recovery.md 7.
 */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { rebuildHint } from '../catalog/wals.ts';
import { inParallel } from '../domain/in-parallel.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { errnoOf, RecoveryError, WalError } from '../domain/errors.ts';
import type { RecoveryGoal } from '../domain/recovery/recovery-target.ts';
import { has, type PostgresVersion } from '../domain/postgres-version.ts';
import {
  nextSegmentName,
  parseWalName,
  segmentOfLsn,
  countSegments,
  segmentRange,
  type WalFile,
} from '../domain/wal/wal.ts';
import { isPlain, PLAIN, type StoredForm } from '../domain/wal/wal-content.ts';
import type { WalRecord } from '../domain/wal/xlogdb.ts';
import type { ServerScope } from '../server/scope.ts';
import type { WalStore } from '../storage/wal-store.ts';
import { archivedForm } from '../wal/content/content.ts';
import { ownWals } from './foreign-wal.ts';

export interface NeededWal extends StoredForm {
  /** Its name in the archive. */
  readonly name: string;
  /** Its name for PostgreSQL: a partial file loses its suffix. */
  readonly deliveredAs: string;
  readonly path: string;
  /** Bytes as stored. */
  readonly size: number;
}

/** Bytes that the file takes where PostgreSQL reads it; of one that is not plain, those of a segment. */
export function deliveredSize(file: NeededWal, segmentSize: number): number {
  return isPlain(file) ? file.size : segmentSize;
}

export interface WalPlan {
  readonly files: readonly NeededWal[];
  /** Partial files, delivered after the others. */
  readonly partials: readonly NeededWal[];
  /** The first segment after the end of the backup that is missing although later ones are there; null for none. */
  readonly firstHole: string | null;
  /** Listed in xlog.db but gone from the archive, or too short; in name order. They are not delivered. */
  readonly unusable: readonly string[];
  /** Of another PostgreSQL system than the backup; in name order. They are not delivered. */
  readonly foreign: readonly string[];
}

export interface WalSelection {
  readonly goal: RecoveryGoal;
  /** The highest timeline in the archive. */
  readonly latestTimeline: number;
  readonly withPartial: boolean;
  readonly version: PostgresVersion;
}

/**
 * Chooses the files and proves that they are there. Segments that make the backup consistent and are gone although later
 * ones are archived stop the restore here; a tail that is not archived yet does not (the caller warns).
 * @throws WalError for a bad line of xlog.db, RecoveryError for a missing or damaged file
 */
export async function planWals(scope: ServerScope, info: BackupInfo, selection: WalSelection): Promise<WalPlan> {
  const begin = boundary(info, info.beginWal);
  const end = boundary(info, info.endWal);
  const chosen = await chooseRecords(scope, info, selection, begin, end);
  const present = new Set(chosen.segments.map((record) => record.name));
  const { usable, unusable } = await examine(
    [...chosen.histories, ...chosen.segments].map((record) => needed(scope, record, record.name)),
    info.xlogSegmentSize,
    scope.catalog.walStore,
    scope.config.customCompressionMagic,
  );
  const own = await ownWals(scope, info, usable);
  for (const name of [...unusable, ...own.foreign]) present.delete(name);
  refuseMissing(scope, info, begin, end, present);
  const partials = await ownWals(
    scope,
    info,
    await choosePartials(scope, info, chosen, selection.withPartial, present),
  );
  return {
    files: own.files,
    partials: partials.files,
    firstHole: findHole(present, end, info.xlogSegmentSize),
    unusable: [...unusable].sort(),
    foreign: [...own.foreign, ...partials.foreign].sort(),
  };
}

function boundary(info: BackupInfo, name: string | null): WalFile {
  const file = name === null ? undefined : parseWalName(name);
  if (file?.kind === 'segment') return file;
  throw new RecoveryError(`Cannot restore backup '${info.backupId}': its record does not say which WAL it needs`);
}

interface Chosen {
  readonly histories: WalRecord[];
  /** Segments and backup labels in archive order. */
  readonly segments: WalRecord[];
  readonly partials: WalRecord[];
}

async function chooseRecords(
  scope: ServerScope,
  info: BackupInfo,
  selection: WalSelection,
  begin: WalFile,
  end: WalFile,
): Promise<Chosen> {
  const timeline = targetTimeline(selection, info, end);
  const last = upperBound(selection.goal, timeline, end, info.xlogSegmentSize);
  const chosen: Chosen = { histories: [], segments: [], partials: [] };
  const seen = new Set<string>();
  await scope.catalog.readWals((record) => {
    const file = parseWalName(record.name);
    if (!file) throw badName(scope, record.name);
    if (file.kind !== 'history') {
      if (file.timeline > timeline || record.name < begin.name || (last !== null && record.name > last)) return;
    }
    // The index may list a file twice after a repair.
    if (seen.has(record.name)) return;
    seen.add(record.name);
    if (file.kind === 'history') chosen.histories.push(record);
    else if (file.kind === 'partial') chosen.partials.push(record);
    else chosen.segments.push(record);
  });
  return chosen;
}

function badName(scope: ServerScope, name: string): WalError {
  return new WalError(`invalid xlog segment name '${name}'`, { hint: rebuildHint(scope.catalog.layout) });
}

/** The latest timeline unless told otherwise; old releases stay on that of the backup. */
function targetTimeline({ goal, latestTimeline, version }: WalSelection, info: BackupInfo, end: WalFile): number {
  if (goal.timeline !== null) return goal.timeline.number;
  return has(version, 'followsLatestTimeline')
    ? Math.max(latestTimeline, info.timeline ?? 0, end.timeline)
    : end.timeline;
}

/** The last name that is of any use; null for no limit. */
function upperBound(goal: RecoveryGoal, timeline: number, end: WalFile, segmentSize: number): string | null {
  if (goal.target?.kind === 'immediate') return end.name;
  if (goal.target?.kind !== 'lsn') return null;
  const holding = parseWalName(segmentOfLsn(timeline, goal.target.lsn, segmentSize).name);
  // PostgreSQL stops at the first record from there on, which may begin or end in the segment behind.
  return holding ? nextSegmentName(holding, segmentSize) : null;
}

/** Files are copied and expanded from a path: `restore` of WAL that is not on this host is refused by its plan. */
function localPath({ catalog: { walStore } }: ServerScope, name: string): string {
  const path = walStore.localPath(name);
  if (path === null) throw new RecoveryError(`WAL file '${walStore.locate(name)}' is not on this host`);
  return path;
}

function needed(scope: ServerScope, record: WalRecord, deliveredAs: string): NeededWal {
  return {
    name: record.name,
    deliveredAs,
    path: localPath(scope, record.name),
    size: record.size,
    compression: record.compression,
    encryption: record.encryption,
  };
}

/**
 * Sorts out what is not there or cannot be what it should be. A segment of an odd size may be compressed or encrypted although
 * the index does not say so: its first bytes tell.
 */
async function examine(
  files: readonly NeededWal[],
  segmentSize: number,
  store: WalStore,
  customMagic: string | null,
): Promise<{ usable: readonly NeededWal[]; unusable: ReadonlySet<string> }> {
  const unusable = new Set<string>();
  const forms = new Map<string, StoredForm>();
  await inParallel(files, 8, async (file) => {
    const facts = await store.facts(file.name);
    const kind = parseWalName(file.name)?.kind;
    const size = facts?.isFile === true ? facts.size : null;
    const isWhole = !isPlain(file) || kind !== 'segment' || size === segmentSize;
    if (size !== null && (size > 0 || kind === 'label') && isWhole) return;
    const found = size === null ? PLAIN : await archivedForm(store, file.name, customMagic);
    if (isPlain(found)) unusable.add(file.name);
    else forms.set(file.name, found);
  });
  const usable = files.filter(({ name }) => !unusable.has(name)).map((file) => ({ ...file, ...forms.get(file.name) }));
  return { usable, unusable };
}

async function regularFileSize(path: string): Promise<number | null> {
  try {
    const facts = await lstat(path);
    return facts.isFile() ? facts.size : null;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}

/** A backup whose own WAL has a hole can never be made consistent. */
function refuseMissing(
  scope: ServerScope,
  info: BackupInfo,
  begin: WalFile,
  end: WalFile,
  present: ReadonlySet<string>,
): void {
  if (begin.timeline !== end.timeline) return;
  // A damaged record may span billions of segments: only as many names are made as there are files.
  const first = firstMissing(segmentRange(begin, end, info.xlogSegmentSize), present);
  if (first === undefined) return;
  const archived = [...present].filter(
    (name) => name >= begin.name && name <= end.name && parseWalName(name)?.kind === 'segment',
  );
  // The tail of a backup that still waits may yet arrive: Barman restores such a backup with a warning, and so do we.
  const isTail = archived.every((name) => name < first);
  if (info.status === 'WAITING_FOR_WALS' && isTail) return;
  const missing = countSegments(begin, end, info.xlogSegmentSize) - archived.length;
  const others = missing > 1 ? ` (and ${missing - 1} more)` : '';
  throw new RecoveryError(
    `Cannot restore backup '${info.backupId}' of server '${scope.name}': WAL file '${first}'${others}, which it needs to be consistent, is missing from the archive or damaged`,
    {
      hint: `restore another backup ("barman list-backups ${scope.name}"), or use --get-wal if the file can be found elsewhere`,
    },
  );
}

function firstMissing(names: Iterable<string>, present: ReadonlySet<string>): string | undefined {
  for (const name of names) if (!present.has(name)) return name;
  return undefined;
}

/** The first gap between two archived segments of one timeline, from the end of the backup on. */
function findHole(present: ReadonlySet<string>, end: WalFile, segmentSize: number): string | null {
  const segments = [...present].filter((name) => name >= end.name && parseWalName(name)?.kind === 'segment').sort();
  for (const [index, name] of segments.entries()) {
    const file = parseWalName(name);
    const following = parseWalName(segments[index + 1] ?? '');
    if (!file || !following || following.timeline !== file.timeline) continue;
    const expected = nextSegmentName(file, segmentSize);
    if (following.name !== expected) return expected;
  }
  return null;
}

/** Archived partial files, and the one that is being streamed when it is the next to come; never beside a complete file. */
async function choosePartials(
  scope: ServerScope,
  info: BackupInfo,
  chosen: Chosen,
  withPartial: boolean,
  present: ReadonlySet<string>,
): Promise<readonly NeededWal[]> {
  if (!withPartial) return [];
  const partials = new Map<string, NeededWal>();
  for (const record of chosen.partials) {
    const name = record.name.slice(0, 24);
    if (!present.has(name)) partials.set(name, needed(scope, record, name));
  }
  const segments = chosen.segments
    .map((record) => parseWalName(record.name))
    .filter((file) => file?.kind === 'segment');
  const last = segments.at(-1);
  const next = last ? nextSegmentName(last, info.xlogSegmentSize) : info.beginWal;
  if (next !== null) {
    const path = join(scope.catalog.layout.streamingDirectory, `${next}.partial`);
    const size = await regularFileSize(path);
    if (size !== null)
      partials.set(next, {
        name: `${next}.partial`,
        deliveredAs: next,
        path,
        size,
        compression: null,
        encryption: null,
      });
  }
  const usable: NeededWal[] = [];
  for (const file of partials.values()) if ((await regularFileSize(file.path)) !== null) usable.push(file);
  return usable;
}
