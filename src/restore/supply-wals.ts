/**
 * The WAL part of a restore: what is said about it, and the order of its steps. Source: docs/behaviour/recovery.md 4.
 */
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import type { RecoveryGoal } from '../domain/recovery/recovery-target.ts';
import { timelineName } from '../domain/wal/wal.ts';
import { watchProgress } from '../transfer/progress.ts';
import type { CommandContext } from '../server/context.ts';
import type { ServerScope } from '../server/scope.ts';
import { judge } from '../wal/settle-backup.ts';
import { deliverWals, prepareWalDirectory, type WalDelivery, writeArchiveStatus } from './stages/deliver-wal.ts';
import type { RecoveryPlan } from './plan.ts';
import { deliveredSize, type NeededWal, type WalPlan } from './wal-plan.ts';

/** What is missing beyond the end of the backup does not stop a restore, but it must not go unsaid. */
export function warnAboutWals(ctx: CommandContext, plan: RecoveryPlan, goal: RecoveryGoal, wals: WalPlan): void {
  const [unusable] = wals.unusable;
  if (unusable !== undefined) {
    const others = wals.unusable.length > 1 ? ` (and ${wals.unusable.length - 1} more)` : '';
    ctx.output.warning(`WAL file '${unusable}'${others} of the archive is missing or damaged and is not copied.`);
  }
  warnOfForeign(ctx, plan, wals.foreign);
  if (wals.firstHole !== null) {
    ctx.output.warning(
      `WAL file '${wals.firstHole}' is not in the archive: recovery cannot go beyond it on this timeline.`,
    );
  }
  const timeline = goal.timeline?.number;
  if (timeline === undefined || goal.standby || timeline === (plan.info.timeline ?? 1)) return;
  const history = `${timelineName(timeline)}.history`;
  if (wals.files.some(({ name }) => name === history)) return;
  ctx.output.warning(`'${history}' is not in the archive: PostgreSQL will not find timeline ${timeline}.`);
}

/**
 * True for a backup that cannot be made consistent with what is archived now. Its status says so only until somebody looks
 * again (cron, check-backup), so the archive is asked.
 */
export async function lacksWals({ catalog }: ServerScope, info: BackupInfo): Promise<boolean> {
  if (info.status !== 'WAITING_FOR_WALS') return false;
  return (await judge(catalog, info))?.status !== 'DONE';
}

/** Where the WAL of this system ends, recovery ends. */
function warnOfForeign(
  { output }: Pick<CommandContext, 'output'>,
  { info }: RecoveryPlan,
  foreign: readonly string[],
): void {
  const [first] = foreign;
  if (first === undefined) return;
  const others = foreign.length > 1 ? ` (and ${foreign.length - 1} more)` : '';
  output.warning(
    `WAL file '${first}'${others} of the archive is of another PostgreSQL system than the backup (${info.systemid}) and is not copied.`,
  );
}

export interface WalPlace {
  readonly directory: string;
  readonly isPointInTime: boolean;
}

/** Copies the files and marks them as archived. */
export async function supplyWals(
  scope: ServerScope,
  plan: RecoveryPlan,
  wals: WalPlan,
  place: WalPlace,
): Promise<void> {
  const { output } = scope;
  if (await lacksWals(scope, plan.info)) {
    output.warning(
      "IMPORTANT: The backup we have restored IS NOT VALID. Required WAL files for consistency are missing. Please verify that WAL archiving is working correctly or evaluate using the 'get-wal' option for recovery",
    );
  }
  await prepareWalDirectory(place.directory);
  output.info('Copying required WAL segments.');
  const foreign = await deliverAll(scope, plan, wals, place.directory, () =>
    output.info('Copying .partial WAL files.'),
  );
  warnOfForeign(scope, plan, [...foreign].sort());
  if (!place.isPointInTime) output.info('Generating archive status files');
  // A partial file is not marked: what PostgreSQL makes of that segment has never been archived.
  const delivered = wals.files.filter(({ name }) => !foreign.has(name));
  const archived = place.isPointInTime ? [] : delivered.map(({ deliveredAs }) => deliveredAs);
  await writeArchiveStatus(place.directory, archived);
}

async function deliverAll(
  scope: ServerScope,
  plan: RecoveryPlan,
  wals: WalPlan,
  directory: string,
  onPartials: () => void,
): Promise<ReadonlySet<string>> {
  let done = 0;
  const sizes = (files: readonly NeededWal[]) =>
    files.reduce((sum, file) => sum + deliveredSize(file, plan.info.xlogSegmentSize), 0);
  const total = sizes(wals.files) + sizes(wals.partials);
  const delivery: WalDelivery = {
    info: plan.info,
    directory,
    segmentSize: plan.info.xlogSegmentSize,
    settings: scope.codecs,
    signal: scope.signal,
    workers: Math.max(scope.config.parallelJobs, 2),
    onBytes: (bytes) => {
      done += bytes;
    },
  };
  const watch = watchProgress(scope.output.progress, 'Copying WAL', async () => ({ done, total }));
  try {
    const foreign = await deliverWals(scope, wals.files, delivery);
    if (wals.partials.length > 0) onPartials();
    return new Set([...foreign, ...(await deliverWals(scope, wals.partials, delivery))]);
  } finally {
    await watch.stop();
  }
}
