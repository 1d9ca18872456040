/** The recovery hook scripts and what they are told. Source: docs/behaviour/backup.md 6 and 6.1. */
import { backupHookVariables, hasHooks, recoveryHookVariables, runHooks } from '../host/hooks.ts';
import { backupPath, infoPath } from '../catalog/layout.ts';
import type { ServerScope } from '../server/scope.ts';
import type { RecoveryPlan } from './plan.ts';
import type { RestoreRequest } from './request.ts';

/** @throws HookAbortError when a pre retry script forbids the restore */
export async function runRecoveryHooks(
  scope: ServerScope,
  request: RestoreRequest,
  plan: RecoveryPlan,
  phase: 'pre' | 'post',
): Promise<void> {
  if (!hasHooks(scope.config, 'recovery')) return;
  const { layout } = scope.catalog;
  const { info } = plan;
  const { backups } = await scope.catalog.listBackups();
  await runHooks(scope, scope.config, 'recovery', phase, {
    ...backupHookVariables(
      info,
      { backupDirectory: backupPath(layout, info.backupId), infoFile: infoPath(layout, info.backupId) },
      backups,
    ),
    ...recoveryHookVariables({
      destination: plan.shownDestination,
      tablespaces: plan.relocations,
      remoteCommand: request.remoteSshCommand ?? null,
      options: {
        target_time: request.targetTime,
        target_xid: request.targetXid,
        target_lsn: request.targetLsn,
        target_name: request.targetName,
        target_tli: request.targetTli,
        target_immediate: request.targetImmediate,
        exclusive: request.exclusive,
        target_action: request.targetAction,
        standby_mode: request.standbyMode,
        recovery_conf_filename: request.recoveryConfFilename,
        recovery_option_port: request.recoveryOptionPort,
        custom_restore_command: request.restoreCommand,
        copy_partial: request.partialWal,
        recovery_instance: request.snapshotRecoveryInstance,
      },
      error: null,
    }),
  });
}
