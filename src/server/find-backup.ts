/**
 * The backup that an administrator named on the command line, or the message why there is none.
 * Source: docs/behaviour/cli.md 3.
 */
import type { DamagedBackup } from '../catalog/catalog.ts';
import { backupPath, infoPath } from '../catalog/layout.ts';
import { type BackupFlaw, type BackupFlaws, flawText } from '../domain/backup/backup-flaw.ts';
import { selectBackup } from '../domain/backup/backup-selector.ts';
import { closest } from '../domain/text/closest.ts';
import type { ServerScope } from './scope.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { isBackupId } from '../domain/backup/backup-id.ts';

/**
 * Resolves a shortcut, an id or a name; undefined when that failed, which is reported.
 * @throws BackupError when the record of that very id cannot be read
 */
export async function requireBackup(scope: ServerScope, text: string): Promise<BackupInfo | undefined> {
  if (isBackupId(text)) {
    const info = await scope.catalog.getBackup(text);
    if (info === undefined) await reportUnknown(scope, text);
    return info;
  }
  const { backups, damaged } = await scope.catalog.listBackups();
  // "latest" may be another one than the administrator thinks of.
  reportDamaged(scope, damaged);
  const flaws = await scope.catalog.flaws();
  const selection = selectBackup(backups, text, flaws);
  const passedOver = flaws.size === 0 ? selection : selectBackup(backups, text);
  if (passedOver.kind === 'found' && flaws.has(passedOver.info.backupId)) reportFlaws(scope, flaws);
  if (selection.kind === 'found') return selection.info;
  if (selection.kind === 'unknown') await reportUnknown(scope, text);
  else {
    scope.output.error(
      `Multiple backups found matching name '${text}' (try using backup ID instead): ${selection.ids.join(' ')}`,
    );
  }
  return undefined;
}

/** Warns of the records that cannot be read: they are in nobody's list and must not be forgotten. */
export function reportDamaged(scope: ServerScope, damaged: readonly DamagedBackup[]): void {
  for (const { backupId, path, reason } of damaged) scope.output.warning(damageText(scope, backupId, path, reason));
}

/**
 * Warns of finished backups that cannot be restored; `only` of one. Where none is there it is one thing that is wrong, not
 * as many as there are backups.
 */
export function reportFlaws({ name, output, catalog }: ServerScope, flaws: BackupFlaws, only?: string): void {
  const [first] = flaws.values();
  if (first?.kind === 'unmounted' && (only === undefined || flaws.has(only))) {
    output.warning(
      [
        `None of the ${flaws.size} backups of server ${name} can be restored: ${flawText(first)}`,
        'They count as needed: nothing is deleted until they are back.',
        `If they are lost for good, remove their records in ${catalog.layout.metaDirectory} by hand.`,
      ].join('\n'),
    );
    return;
  }
  for (const [backupId, flaw] of flaws) {
    if (only === undefined || only === backupId) output.warning(whatIsWrong(name, backupId, flaw));
  }
}

function whatIsWrong(server: string, backupId: string, flaw: BackupFlaw): string {
  if (flaw.kind === 'unproved') {
    return [
      `Backup ${backupId} of server ${server} cannot be verified: ${flawText(flaw)}.`,
      'It counts all the same, because no backup of this server has a manifest. Put it back or take a new backup.',
    ].join('\n');
  }
  const remedy =
    flaw.kind === 'unreadable'
      ? 'Let this user read it'
      : `Put it back or, if it is lost, remove the backup: barman delete ${server} ${backupId}`;
  return [
    `Backup ${backupId} of server ${server} is not whole: ${flawText(flaw)}.`,
    'It counts for no redundancy and no retention policy, and neither shortcuts nor "auto" choose it.',
    `${remedy}.`,
  ].join('\n');
}

function damageText({ name, catalog }: ServerScope, backupId: string, path: string, reason: string): string {
  const remains = [infoPath(catalog.layout, backupId), backupPath(catalog.layout, backupId)].join(' and ');
  return [
    `The record of backup ${backupId} of server ${name} cannot be read: ${path}: ${reason.replace(/\.$/, '')}.`,
    'The backup is not listed, never deleted by retention, and no WAL file is deleted while it is there.',
    `Put a good copy of the file in its place, or, if the backup is of no use, remove ${remains} by hand.`,
  ].join('\n');
}

async function reportUnknown(scope: ServerScope, text: string): Promise<void> {
  scope.output.error(`Unknown backup '${text}' for server '${scope.name}'`);
  const { backups } = await scope.catalog.listBackups();
  const words = backups.flatMap(({ backupId, backupName }) =>
    backupName === null ? backupId : [backupId, backupName],
  );
  const [near] = closest(text, words);
  const question = near === undefined ? '' : `did you mean '${near}'? `;
  scope.output.hint(`${question}"barman list-backups ${scope.name}" shows the backups`);
}
