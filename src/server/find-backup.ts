/** The backup that an administrator named on the command line, or the message why there is none. Spec cli.md section 3. */
import type { DamagedBackup } from '../catalog/catalog.ts';
import { backupPath, infoPath } from '../catalog/layout.ts';
import { type BackupInfo, isBackupId } from '../domain/backup/backup-info.ts';
import { selectBackup } from '../domain/backup/backup-selector.ts';
import { closest } from '../domain/text/closest.ts';
import type { CommandContext } from './context.ts';
import type { Server } from './server.ts';

/**
 * Resolves a shortcut, an id or a name; undefined when that failed, which is reported.
 * @throws BackupError when the record of that very id cannot be read
 */
export async function requireBackup(
  ctx: CommandContext,
  server: Server,
  text: string,
): Promise<BackupInfo | undefined> {
  if (isBackupId(text)) {
    const info = await server.catalog.getBackup(text);
    if (info === undefined) await reportUnknown(ctx, server, text);
    return info;
  }
  const { backups, damaged } = await server.catalog.listBackups();
  // "latest" may be another one than the administrator thinks of.
  reportDamaged(ctx, server, damaged);
  const selection = selectBackup(backups, text);
  if (selection.kind === 'found') return selection.info;
  if (selection.kind === 'unknown') await reportUnknown(ctx, server, text);
  else {
    ctx.output.error(
      `Multiple backups found matching name '${text}' (try using backup ID instead): ${selection.ids.join(' ')}`,
    );
  }
  return undefined;
}

/** Warns of the records that cannot be read: they are in nobody's list and must not be forgotten. */
export function reportDamaged(ctx: CommandContext, server: Server, damaged: readonly DamagedBackup[]): void {
  for (const { backupId, path, reason } of damaged) ctx.output.warning(damageText(server, backupId, path, reason));
}

function damageText({ name, catalog }: Server, backupId: string, path: string, reason: string): string {
  const remains = [infoPath(catalog.layout, backupId), backupPath(catalog.layout, backupId)].join(' and ');
  return [
    `The record of backup ${backupId} of server ${name} cannot be read: ${path}: ${reason.replace(/\.$/, '')}.`,
    'The backup is not listed, never deleted by retention, and no WAL file is deleted while it is there.',
    `Put a good copy of the file in its place, or, if the backup is of no use, remove ${remains} by hand.`,
  ].join('\n');
}

async function reportUnknown({ output }: CommandContext, server: Server, text: string): Promise<void> {
  output.error(`Unknown backup '${text}' for server '${server.name}'`);
  const { backups } = await server.catalog.listBackups();
  const words = backups.flatMap(({ backupId, backupName }) =>
    backupName === null ? backupId : [backupId, backupName],
  );
  const [near] = closest(text, words);
  const question = near === undefined ? '' : `did you mean '${near}'? `;
  output.hint(`${question}"barman list-backups ${server.name}" shows the backups`);
}
