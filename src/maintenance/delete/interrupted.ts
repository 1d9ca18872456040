/** How the record of a backup reads while its delete is at work, and afterwards when that was cut short. */
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { listNames } from '../../host/files.ts';
import type { ServerScope } from '../../server/scope.ts';

const REASON = 'failure deleting backup (the delete was cut short: complete it with ';

/** FAILED, with the command that completes the delete. A backup that had failed before keeps its reason. */
export function asInterrupted(server: string, info: BackupInfo): BackupInfo {
  if (info.status === 'FAILED') return info;
  return { ...info, status: 'FAILED', error: `${REASON}"barman delete ${server} ${info.backupId}")` };
}

/** True when a delete of ours has begun with this backup: its hooks agreed, and part of it may be gone. */
export function isInterruptedDelete({ status, error }: BackupInfo): boolean {
  return status === 'FAILED' && error?.startsWith(REASON) === true;
}

/** True when a delete was cut short, if only its mark is left of it. */
export async function hasInterruptedDelete({ catalog }: ServerScope): Promise<boolean> {
  const { backups } = await catalog.listBackups();
  if (backups.some(isInterruptedDelete)) return true;
  return (await listNames(catalog.layout.metaDirectory)).some((name) => name.endsWith('-delete_this'));
}
