/** The files that belong to a backup: its own, and its WAL. Source: docs/behaviour/catalog.md 11. */
import { type Dirent, opendirSync, statSync } from 'node:fs';
import { compareBytes, isLink } from '../host/files.ts';
import { backupPath } from '../catalog/layout.ts';
import { systemReason } from '../host/system-reason.ts';
import { type BackupInfo, isCopyDone } from '../domain/backup/backup-info.ts';
import { neighbours } from '../domain/backup/backup-order.ts';
import { BackupError, errnoOf, WalError } from '../domain/errors.ts';
import { nameText } from '../domain/text/file-name-text.ts';
import { isSegmentOfSize, segmentPosition } from '../domain/wal/wal-range.ts';
import { parseWalName, segmentRange } from '../domain/wal/wal.ts';
import { badWalName } from './backup-statistics.ts';
import type { ServerScope } from '../server/scope.ts';

/** Hands over one absolute path. */
export type OnPath = (path: string) => void;

export interface WalkRules {
  readonly emptyDirectories: boolean;
  /** Called for a directory whose content cannot be told; the walk goes on. */
  readonly onUnreadable: (path: string, reason: string) => void;
}

/**
 * Everything below `base/<id>`: the files of a directory in order, then its subdirectories as the file system has them.
 * Links are listed like files, unless they lead to a directory, and never followed.
 * @throws BackupError when `base/<id>` is a symbolic link
 */
export async function eachDataFile(
  scope: ServerScope,
  info: BackupInfo,
  rules: WalkRules,
  onPath: OnPath,
): Promise<void> {
  const root = backupPath(scope.catalog.layout, info.backupId);
  if (await isLink(root)) {
    throw new BackupError(`'${root}' is a symbolic link: the files of a backup must be in the catalog itself`, {
      hint: 'set basebackups_directory to the folder that holds the backups',
    });
  }
  // compat 3.20.1: a backup that has not begun has no directory, and that is no failure.
  walk(Buffer.from(root).toString('latin1'), rules, onPath, !isCopyDone(info));
}

function walk(directory: string, rules: WalkRules, onPath: OnPath, mayBeMissing: boolean): void {
  let entries: readonly Dirent[];
  try {
    entries = entriesOf(directory);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    if (!mayBeMissing || errnoOf(error) !== 'ENOENT') rules.onUnreadable(nameText(directory), systemReason(error));
    return;
  }
  const isBranch = (entry: Dirent) =>
    entry.isDirectory() || (entry.isSymbolicLink() && leadsToDirectory(`${directory}/${entry.name}`));
  const files = entries.filter((entry) => !isBranch(entry)).map(({ name }) => name);
  for (const name of files.sort(compareBytes)) onPath(nameText(`${directory}/${name}`));
  if (rules.emptyDirectories && entries.length === 0) onPath(nameText(directory));
  for (const entry of entries) if (entry.isDirectory()) walk(`${directory}/${entry.name}`, rules, onPath, false);
}

/** In the order of the file system, which readdir would sort; names are bytes. */
function entriesOf(directory: string): readonly Dirent[] {
  const handle = opendirSync(Buffer.from(directory, 'latin1'), {
    encoding: 'latin1',
    bufferSize: 256,
  });
  try {
    const entries: Dirent[] = [];
    for (let entry = handle.readSync(); entry !== null; entry = handle.readSync()) entries.push(entry);
    return entries;
  } finally {
    handle.closeSync();
  }
}

function leadsToDirectory(path: string): boolean {
  return statSync(Buffer.from(path, 'latin1'), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** No backup needs more segments than these before it is consistent: a record that says so is damaged. */
const MOST_REQUIRED = 10_000_000;

/** The segments that make the backup consistent, whether they are archived or not; none while its end is not known. */
export function eachRequiredWal({ catalog }: ServerScope, info: BackupInfo, onPath: OnPath): void {
  const [begin, end] = [parseWalName(info.beginWal ?? ''), parseWalName(info.endWal ?? '')];
  if (begin === undefined || end === undefined) return;
  const { xlogSegmentSize: size } = info;
  if (begin.timeline !== end.timeline) {
    throw new WalError(`Begin segment (${begin.name}) and end segment (${end.name}) must have the same timeline part`, {
      hint: `list its WAL with "--target wal"`,
    });
  }
  const isSound = [begin, end].every((file) => isSegmentOfSize(file, size));
  if (!isSound || segmentPosition(end, size) - segmentPosition(begin, size) > MOST_REQUIRED) {
    throw new WalError(`the record of backup ${info.backupId} cannot be right: WAL from ${begin.name} to ${end.name}`);
  }
  for (const name of segmentRange(begin, end, size)) onPath(catalog.walStore.locate(name));
}

/**
 * The archived WAL from the backup's begin to the end of the next backup, as the index has it, and every history file
 * before that. @throws WalError for a damaged index
 */
export async function eachArchivedWal(scope: ServerScope, info: BackupInfo, onPath: OnPath): Promise<void> {
  const { catalog } = scope;
  const begin = parseWalName(info.beginWal ?? '');
  if (begin === undefined) return;
  const { backups } = await catalog.listBackups();
  const limit = neighbours(info.backupId, backups).next?.endWal ?? null;
  await catalog.readWals(
    ({ name }) => {
      const file = parseWalName(name);
      if (file === undefined) throw badWalName(scope, name);
      if (file.kind === 'history') onPath(catalog.walStore.locate(name));
      if (file.kind !== 'segment' || file.timeline > begin.timeline || name < begin.name) return true;
      if (limit !== null && name > limit) return false;
      onPath(catalog.walStore.locate(name));
      return true;
    },
    { from: begin.name },
  );
}
