/**
 * The base backup -> the destination and its tablespaces. Source: docs/behaviour/recovery.md 6.2 and 6.3.
 */
import { lstat } from 'node:fs/promises';
import { createThrottle } from '../host/copy-file.ts';
import type { BackupLayout } from '../domain/backup/backup-layout.ts';
import { RecoveryError } from '../domain/errors.ts';
import type { ServerScope } from '../server/scope.ts';
import { syncTree } from '../transfer/measure.ts';
import { watchProgress } from '../transfer/progress.ts';
import { prepareDirectory } from './destinations.ts';
import { type RecoveryPlan, sourceOfData } from './plan.ts';
import { checkRoom, type Demand } from './room.ts';
import { inspectArchives } from './stages/archives.ts';
import type { BackupTrees, BaseBackup } from './stages/base.ts';
import { type CopyRun, toBinary } from './stages/copy.ts';
import { holdControlFile, isUpToDate, type Purge, purge } from './stages/delta.ts';
import { inspectFiles } from './stages/files.ts';
import { linkTablespaces } from './stages/tablespaces.ts';

/** How a backup is looked at and copied follows from how its files are kept. */
const INSPECT: Readonly<
  Record<BackupLayout['format'], (scope: ServerScope, plan: RecoveryPlan, source: string) => Promise<BaseBackup>>
> = { plain: inspectFiles, tar: inspectArchives };

/** Looks at everything that will be copied. @throws RecoveryError when the backup is not whole */
export async function inspectBaseBackup(scope: ServerScope, plan: RecoveryPlan): Promise<BaseBackup> {
  const { info, layout } = plan;
  const source = sourceOfData(scope, info);
  const facts = await lstat(source).catch(() => null);
  if (!facts?.isDirectory()) {
    throw new RecoveryError(`Cannot restore backup '${info.backupId}': its directory '${source}' is missing`);
  }
  return INSPECT[layout.format](scope, plan, source);
}

/** Proves that there is room, creates the directories. @throws RecoveryError */
export async function prepareDestinations(plan: RecoveryPlan, demands: readonly Demand[]): Promise<void> {
  // What a delta restore writes depends on what is there: it may be next to nothing.
  if (!plan.delta) await checkRoom(demands);
  for (const directory of [plan.destination, ...plan.tablespaces.map(({ path }) => path)])
    await prepareDirectory(directory);
}

/** Copies everything; it is on disk when the promise resolves, the control file under its held name. */
export async function copyBaseBackup(
  scope: ServerScope,
  plan: RecoveryPlan,
  base: BaseBackup,
  /** What a delta restore knows, see safeHorizon(). */
  horizon: number | null,
): Promise<void> {
  let done = 0;
  const onBytes = (bytes: number) => {
    done += bytes;
  };
  const watch = watchProgress(scope.output.progress, 'Copying', async () => ({ done, total: base.size }));
  try {
    const isUpToDate = plan.delta && base.trees ? await readyForDelta(plan, base.trees, horizon) : undefined;
    const run: CopyRun = { ...copying(scope, onBytes), ...(isUpToDate ? { isUpToDate } : {}) };
    for (const tablespace of plan.tablespaces) {
      scope.output.info(`\t${tablespace.oid}, ${tablespace.name}, ${tablespace.location}`);
      await base.copyTablespace(tablespace, run);
    }
    await base.copyData(run);
    await linkTablespaces(plan.destination, plan.tablespaces);
    if (!base.isFlushed) {
      for (const directory of [...plan.tablespaces.map(({ path }) => path), plan.destination]) {
        await syncTree(directory, { onStep: () => scope.signal.throwIfAborted() });
      }
    }
  } finally {
    await watch.stop();
  }
}

/** Clears the destination of what the backup does not hold; returns the test for what may stay. */
async function readyForDelta(
  plan: RecoveryPlan,
  trees: BackupTrees,
  horizon: number | null,
): Promise<CopyRun['isUpToDate']> {
  await holdControlFile(plan.destination);
  for (const { directory, what } of purgesOf(plan, trees)) await purge(directory, what);
  return (file, target) => isUpToDate(file, target, horizon);
}

/** Which directories a delta restore clears, and of what. */
export function purgesOf(
  plan: RecoveryPlan,
  trees: BackupTrees,
): readonly { readonly directory: string; readonly what: Purge }[] {
  const keep = new Set(plan.tablespaces.map(({ path }) => toBinary(path)));
  const spaces = plan.tablespaces.flatMap(({ oid, path }) => {
    const tree = trees.tablespaces.get(oid);
    return tree ? [{ directory: path, what: { tree, isCluster: false, keep: new Set<string>() } }] : [];
  });
  return [...spaces, { directory: plan.destination, what: { tree: trees.data, isCluster: true, keep } }];
}

/** Fewer would leave a fast disk idle; more would only queue for Node's four file threads. */
const LEAST_WORKERS = 4;

function copying(scope: ServerScope, onBytes: (bytes: number) => void): CopyRun {
  const workers = Math.max(scope.config.parallelJobs, LEAST_WORKERS);
  return { workers, signal: scope.signal, onBytes, throttle: createThrottle(scope.config.bandwidthLimit) };
}
