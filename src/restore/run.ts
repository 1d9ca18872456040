/**
 * One restore, from the checks to the report. Everything that can be known is checked before the first byte is written;
 * PostgreSQL cannot start on the destination before the last step. Source: docs/behaviour/recovery.md 4.
 */
import { join, resolve } from 'node:path';
import { exists, renameDurably, writeDurably } from '../host/files.ts';
import { formatBackupInfo } from '../domain/backup/backup-info-file.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { BarmanError, RecoveryError } from '../domain/errors.ts';
import { describeGoal, isPointInTime, type RecoveryGoal } from '../domain/recovery/recovery-target.ts';
import { timestampOf } from '../domain/time/timestamp.ts';
import { type RestoreReport, restoreResult, restoreWarnings } from '../output/results/restore.ts';
import type { ServerScope } from '../server/scope.ts';
import { archiveWals } from '../wal/archive/archive.ts';
import { has, walDirectoryName } from '../domain/postgres-version.ts';
import { inspectBaseBackup } from './base-backup.ts';
import { canonicalName } from './canonical-name.ts';
import { latestTimeline } from './choose-backup.ts';
import { checkExpanders } from './stages/expand-wal.ts';
import { writeArchiveStatus } from './stages/deliver-wal.ts';
import { readGoal } from './goal.ts';
import { runRecoveryHooks } from './hooks.ts';
import { withPinnedBackup } from './pin.ts';
import { localPlace, type RestorePlace } from './places/place.ts';
import { planRecovery, type RecoveryPlan } from './plan.ts';
import { adaptConfiguration, createSignal } from './configure/postgres-conf.ts';
import { recoverySettings, signalFile } from './configure/recovery-conf.ts';
import type { RestoreRequest } from './request.ts';
import type { Demand } from './room.ts';
import { lacksWals, supplyWals, warnAboutWals } from './supply-wals.ts';
import { refuseDeadBranch } from './timeline-path.ts';
import { deliveredSize, planWals, type WalPlan } from './wal-plan.ts';

/** Restores one backup and reports. @throws BarmanError that says what stopped it */
export async function restoreBackup(scope: ServerScope, request: RestoreRequest, info: BackupInfo): Promise<void> {
  const plan = planRecovery(scope, request, info);
  if (request.skipArchiveWal !== true) await archiveFirst(scope);
  await withPinnedBackup(scope, info.backupId, async () => {
    const staging = request.stagingWalDirectory === undefined ? null : resolve(request.stagingWalDirectory);
    const report = await withPlace(scope, request, plan, async (place) => {
      await place.check(staging);
      await runRecoveryHooks(scope, request, plan, 'pre');
      const made = await restorePinned(scope, request, plan, place, staging);
      await runRecoveryHooks(scope, request, plan, 'post');
      return made;
    });
    // The JSON document lists among its warnings what the console shows as paragraphs.
    if (scope.output.format === 'json') for (const text of restoreWarnings(report)) scope.output.warning(text);
    scope.output.result(restoreResult(report));
  });
}

async function withPlace<T>(
  scope: ServerScope,
  request: RestoreRequest,
  plan: RecoveryPlan,
  body: (place: RestorePlace) => Promise<T>,
): Promise<T> {
  const { remoteSshCommand } = request;
  if (remoteSshCommand === undefined) return body(localPlace(scope, plan));
  const { withRemotePlace } = await import('./places/remote-place.ts');
  return withRemotePlace(scope, { ...request, remoteSshCommand }, plan, body);
}

/** What waits in the queues belongs to the restore, too. */
async function archiveFirst(scope: ServerScope): Promise<void> {
  try {
    await archiveWals(scope, { verbose: false });
  } catch (error) {
    if (!(error instanceof BarmanError)) throw error;
    throw new RecoveryError(`Cannot archive the waiting WAL files before the restore: ${error.message}`, {
      cause: error,
      hint: 'restore what is archived already with --skip-archive-wal',
    });
  }
}

async function restorePinned(
  scope: ServerScope,
  request: RestoreRequest,
  plan: RecoveryPlan,
  place: RestorePlace,
  staging: string | null,
): Promise<RestoreReport> {
  const started = scope.now();
  const clock = performance.now();
  const { output } = scope;
  output.info(`Starting ${place.kind} restore for server ${scope.name} using backup ${plan.info.backupId}`);
  output.info(`Destination directory: ${plan.shownDestination}`);
  if (request.remoteSshCommand !== undefined) output.info(`Remote command: ${request.remoteSshCommand}`);
  await warnBeforehand(scope, request, plan);
  const latest = await latestTimeline(scope);
  const goal = readGoal(scope, request, plan.info, latest);
  if (isPointInTime(goal)) output.info(`Doing PITR. Recovery target ${describeGoal(goal)}`);
  const walDirectory = walDestination(plan, goal, staging);
  const wals = plan.getWal ? null : await chooseWals(scope, request, plan, goal, latest);
  const base = await inspectBaseBackup(scope, plan);
  await place.prepare(base, walDemand(scope, plan, wals, walDirectory));

  output.info('Copying the base backup.');
  await place.copyBaseBackup(base);
  await keepRecord(place.plan);
  const directory = place.walDirectory(walDirectory);
  if (wals !== null) await supplyWals(scope, plan, wals, { directory, isPointInTime: isPointInTime(goal) });
  else await writeArchiveStatus(directory, []);
  const settings = await recoverySettingsFor(scope, request, place.plan, goal, walDirectory);
  output.info('Identify dangerous settings in destination directory.');
  const report = await adaptConfiguration(place.plan, settings);
  await place.publish();
  return {
    started: timestampOf(started),
    elapsedSeconds: Math.round((performance.now() - clock) * 1000) / 1_000_000,
    ...report,
    getWal: plan.getWal,
    recoveryFile: plan.recoveryFile,
  };
}

async function warnBeforehand(scope: ServerScope, request: RestoreRequest, plan: RecoveryPlan): Promise<void> {
  const { output } = scope;
  if (!plan.getWal && (await lacksWals(scope, plan.info))) {
    output.warning(
      'IMPORTANT: You have requested a recovery operation for a backup that does not have yet all the WAL files that are required for consistency.',
    );
  }
  if (request.partialWal !== true) return;
  if (plan.getWal) {
    output.warning('The --partial-wal option was ignored as it only works with --no-get-wal.');
  } else if (request.targetImmediate === true) {
    output.warning('The --partial-wal option was ignored as it has no effect with --target-immediate.');
  }
}

/** Where the WAL goes: apart from pg_wal when PostgreSQL has to fetch it with restore_command. */
function walDestination(plan: RecoveryPlan, goal: RecoveryGoal, staging: string | null): string {
  if (isPointInTime(goal)) return staging ?? join(plan.destination, 'barman_wal');
  return join(plan.destination, walDirectoryName(plan.version));
}

async function chooseWals(
  scope: ServerScope,
  request: RestoreRequest,
  plan: RecoveryPlan,
  goal: RecoveryGoal,
  latest: number,
): Promise<WalPlan> {
  const withPartial = request.partialWal === true && goal.target?.kind !== 'immediate';
  const wals = await planWals(scope, plan.info, { goal, latestTimeline: latest, withPartial, version: plan.version });
  const settings = scope.codecs;
  await checkExpanders(scope.name, [...wals.files, ...wals.partials], settings);
  if (has(plan.version, 'followsLatestTimeline') || goal.timeline !== null)
    await refuseDeadBranch(plan.info, goal, latest, wals, settings);
  warnAboutWals(scope, plan, goal, wals);
  return wals;
}

function walDemand(scope: ServerScope, plan: RecoveryPlan, wals: WalPlan | null, directory: string): Demand | null {
  if (wals === null) return null;
  const files = [...wals.files, ...wals.partials];
  const bytes = files.reduce((sum, file) => sum + deliveredSize(file, plan.info.xlogSegmentSize), 0);
  return { directory, source: scope.catalog.layout.walsDirectory, bytes };
}

/** The record of the backup stays with the cluster; the manifest would not match any more and gets another name. */
async function keepRecord({ destination, info }: RecoveryPlan): Promise<void> {
  await writeDurably(join(destination, '.barman-recover.info'), formatBackupInfo(info), { mode: 0o600 });
  const manifest = join(destination, 'backup_manifest');
  if (await exists(manifest)) await renameDurably(manifest, `${manifest}.${info.backupId}`);
}

/** The lines for the recovery file; none when PostgreSQL just replays its pg_wal. Creates the signal file. */
async function recoverySettingsFor(
  scope: ServerScope,
  request: RestoreRequest,
  plan: RecoveryPlan,
  goal: RecoveryGoal,
  walDirectory: string,
): Promise<readonly string[]> {
  if (!isPointInTime(goal) && !plan.getWal && !goal.standby) return [];
  scope.output.info('Generating recovery configuration');
  const signal = signalFile(goal, plan.version);
  if (signal !== null) await createSignal(plan.destination, signal);
  return recoverySettings(scope.output, {
    server: scope.name,
    barmanUser: scope.configuration.global.barmanUser,
    goal,
    version: plan.version,
    getWal: plan.getWal,
    walDirectory,
    customCommand: request.restoreCommand ?? null,
    remote:
      request.remoteSshCommand === undefined
        ? null
        : {
            host: await canonicalName(),
            port: request.recoveryOptionPort ?? null,
            jobs: scope.config.parallelJobs,
          },
  });
}
