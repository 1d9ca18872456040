/**
 * Backup records on disk, one by one: found, read, written. A file that is there and cannot be read is *damaged*, which is
 * never the same as absent. Source: docs/behaviour/catalog.md 1 and 3.
 */
import { closeSync, existsSync, fstatSync, opendirSync, readFileSync } from 'node:fs';
import { exists, isLink, listNames, makeDirectory, openToReadSync, writeDurably } from '../host/files.ts';
import { formatBackupInfo, parseBackupInfo } from '../domain/backup/backup-info-file.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { isBackupId } from '../domain/backup/backup-id.ts';
import { BackupError, errnoOf } from '../domain/errors.ts';
import type { DamagedBackup } from './catalog.ts';
import { backupPath, type CatalogLayout, infoPath, legacyInfoPath } from './layout.ts';
import { unlinkDurably } from './paths.ts';
import { systemReason } from '../host/system-reason.ts';

export type RecordState =
  | { readonly kind: 'good'; readonly info: BackupInfo }
  | { readonly kind: 'damaged'; readonly damaged: DamagedBackup }
  | { readonly kind: 'absent' };

/** No record is larger; a larger file is something else. Bytes. */
const MAX_RECORD = 16 * 1024 * 1024;
const RECORD_NAME = /^(.+?)-backup\.info$/;

/** Ids that have a record in either place, in order. Names that are no ids are nobody's record. */
export async function recordedIds(layout: CatalogLayout): Promise<readonly string[]> {
  const ids = new Set<string>();
  for (const name of await namesIn(layout.metaDirectory)) {
    const id = RECORD_NAME.exec(name)?.[1];
    if (id !== undefined && isBackupId(id)) ids.add(id);
  }
  for (const id of await namesIn(layout.baseDirectory)) {
    if (isBackupId(id) && !ids.has(id) && (await mayExist(legacyInfoPath(layout, id)))) ids.add(id);
  }
  return [...ids].sort();
}

/** See Catalog.recordOrder. A directory that cannot be listed adds nothing: the order is all that is asked. */
export function recordOrder(layout: CatalogLayout): readonly string[] {
  const old = unsortedNames(layout.baseDirectory).filter((name) => isBackupId(name));
  const current = unsortedNames(layout.metaDirectory).map((name) => RECORD_NAME.exec(name)?.[1] ?? '');
  const isOld = (id: string) => existsSync(legacyInfoPath(layout, id));
  return [...new Set([...old.filter(isOld), ...current.filter(isBackupId)])];
}

/** readdir would sort them. */
function unsortedNames(directory: string): readonly string[] {
  const names: string[] = [];
  try {
    const handle = opendirSync(directory);
    for (let entry = handle.readSync(); entry !== null; entry = handle.readSync()) names.push(entry.name);
    handle.closeSync();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
  return names;
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await listNames(directory);
  } catch (error) {
    throw new BackupError(`cannot read '${directory}': ${systemReason(error)}`, { cause: error });
  }
}

/** What may not be looked at will be reported as damaged. */
function mayExist(path: string): Promise<boolean> {
  return exists(path).catch(() => true);
}

/** The record in `meta/`, else the one in `base/<id>/` that releases before 3.13.2 wrote. */
export async function readRecord(layout: CatalogLayout, backupId: string): Promise<RecordState> {
  const current = readRecordAt(infoPath(layout, backupId), backupId);
  if (current.kind !== 'absent') return current;
  const path = legacyInfoPath(layout, backupId);
  if (!(await isLink(backupPath(layout, backupId)))) return readRecordAt(path, backupId);
  return { kind: 'damaged', damaged: { backupId, path, reason: 'its directory is a symbolic link' } };
}

function readRecordAt(path: string, backupId: string): RecordState {
  try {
    // Without the thread pool: several times faster for files this small, of which `list-backups all` reads very many.
    const text = readText(path);
    return text === undefined ? { kind: 'absent' } : { kind: 'good', info: parseBackupInfo(text, backupId, path) };
  } catch (error) {
    if (!(error instanceof BackupError) && errnoOf(error) === undefined) throw error;
    const reason = errnoOf(error) === 'ELOOP' ? 'it is a symbolic link' : systemReason(error);
    return { kind: 'damaged', damaged: { backupId, path, reason } };
  }
}

/** undefined when there is no such file. @throws BackupError for what is no text file, and system errors */
function readText(path: string): string | undefined {
  let descriptor: number;
  try {
    // Without O_NONBLOCK a named pipe that somebody put there would hold us for ever.
    descriptor = openToReadSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  try {
    const facts = fstatSync(descriptor);
    if (!facts.isFile()) throw new BackupError('it is not a file');
    if (facts.size > MAX_RECORD) throw new BackupError('it is too large for a backup record');
    return decode(readFileSync(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new BackupError('it holds binary data', { cause });
  }
}

/** @throws BackupError when a damaged record is in its place: what is left of that may be all there is */
export async function writeRecord(layout: CatalogLayout, info: BackupInfo): Promise<void> {
  const text = formatBackupInfo(info);
  const state = await readRecord(layout, info.backupId);
  if (state.kind === 'damaged') throw damagedError(state.damaged);
  await writeInMeta(layout, infoPath(layout, info.backupId), text);
}

/** Writes a file of `meta/`, which the reference removes whenever it is empty. */
export async function writeInMeta(layout: CatalogLayout, path: string, text: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await makeDirectory(layout.metaDirectory);
      return await writeDurably(path, text);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' && attempt < 3) continue;
      throw new BackupError(`cannot write '${path}': ${systemReason(error)}`, { cause: error });
    }
  }
}

/** Removes both forms of a record, the one that counts last; what is gone is no failure. */
export async function removeRecord(layout: CatalogLayout, backupId: string): Promise<void> {
  if (!(await isLink(backupPath(layout, backupId))))
    await unlinkDurably(legacyInfoPath(layout, backupId), backupPath(layout, backupId));
  await unlinkDurably(infoPath(layout, backupId), layout.metaDirectory);
}

/** The error for a command that needs this one record. */
export function damagedError({ backupId, path, reason }: DamagedBackup): BackupError {
  // compat 3.20.1: these are its own words for a record of a newer release.
  if (reason.startsWith('Unsupported field')) return new BackupError(reason);
  return new BackupError(`cannot read the record of backup ${backupId}: ${path}: ${reason}`, {
    hint: `put a good copy of the file in its place; the backup counts as needed until then`,
  });
}
