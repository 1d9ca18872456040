/** The pre_ and post_backup scripts around one backup. Source: docs/behaviour/backup.md 6. */
import { backupHookVariables, hasHooks, type HookPhase, runHooks } from '../host/hooks.ts';
import { backupPath, infoPath } from '../catalog/layout.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { messageOf } from '../domain/errors.ts';
import type { ServerScope } from '../server/scope.ts';

/** @throws HookAbortError when a retry script of the pre phase says so; in the post phase nothing is thrown */
export async function runBackupHooks(scope: ServerScope, info: BackupInfo, phase: HookPhase): Promise<void> {
  if (!hasHooks(scope.config, 'backup')) return;
  const { layout } = scope.catalog;
  try {
    const { backups } = await scope.catalog.listBackups();
    const paths = { backupDirectory: backupPath(layout, info.backupId), infoFile: infoPath(layout, info.backupId) };
    await runHooks(scope, scope.config, 'backup', phase, backupHookVariables(info, paths, backups));
  } catch (error) {
    if (phase === 'pre') throw error;
    // The backup is over and recorded: what its last script met with changes nothing.
    scope.log.named('barman.hooks').warning(`post_backup scripts of backup ${info.backupId}: ${messageOf(error)}`);
  }
}
