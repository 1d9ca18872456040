/** What an administrator types for a backup -> one backup of a list. Source: docs/behaviour/catalog.md 2, cli.md 3. */
import { type BackupFlaws, isSound } from './backup-flaw.ts';
import { type BackupInfo, isCopyDone } from './backup-info.ts';
import { isFull } from './backup-layout.ts';
import { isBackupId } from './backup-id.ts';

export type Selection =
  | { readonly kind: 'found'; readonly info: BackupInfo }
  | { readonly kind: 'unknown' }
  /** Several backups have this name: their ids, oldest first. */
  | { readonly kind: 'ambiguous'; readonly ids: readonly string[] };

/**
 * Resolves a shortcut, an id or a name among `backups` (in order).
 *
 * compat 3.20.1: every part of the word `last-failed` means it, but here a backup that has that very name comes first,
 * and the empty text (an unset variable of a script) is nothing at all. A shortcut passes over a backup with a flaw.
 */
export function selectBackup(
  backups: readonly BackupInfo[],
  text: string,
  flaws: BackupFlaws = new Map<string, never>(),
): Selection {
  const isChoice = (info: BackupInfo) => isSound(info, flaws);
  switch (text) {
    case '':
      return { kind: 'unknown' };
    case 'latest':
    case 'last':
      return found(backups.findLast(isChoice));
    case 'oldest':
    case 'first':
      return found(backups.find(isChoice));
    case 'latest-full':
    case 'last-full':
      return found(backups.findLast((backup) => isChoice(backup) && isFull(backup)));
    case 'last-failed':
      return found(lastFailed(backups));
  }
  if (isBackupId(text)) return found(backups.find(({ backupId }) => backupId === text));
  const named = backups.filter((backup) => isCopyDone(backup) && backup.backupName === text);
  if (named.length > 1) return { kind: 'ambiguous', ids: named.map(({ backupId }) => backupId) };
  return found(named[0] ?? ('last-failed'.includes(text) ? lastFailed(backups) : undefined));
}

function lastFailed(backups: readonly BackupInfo[]): BackupInfo | undefined {
  return backups.findLast(({ status }) => status === 'FAILED');
}

function found(info: BackupInfo | undefined): Selection {
  return info === undefined ? { kind: 'unknown' } : { kind: 'found', info };
}

/**
 * The chain from an incremental backup up to its root, the backup itself first. A parent that is missing or EMPTY, and a
 * cycle, end the walk.
 */
export function chainOf(info: BackupInfo, backups: readonly BackupInfo[]): readonly BackupInfo[] {
  const chain = [info];
  for (let parentId = info.parentBackupId; parentId !== null;) {
    const wanted = parentId;
    const parent = backups.find(({ backupId }) => backupId === wanted);
    if (parent === undefined || parent.status === 'EMPTY' || chain.includes(parent)) break;
    chain.push(parent);
    parentId = parent.parentBackupId;
  }
  return chain;
}
