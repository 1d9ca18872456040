/**
 * The base backup -> the destination and its tablespaces. global/pg_control comes under another name and takes its own
 * only at the very end: PostgreSQL refuses to start without it, so a restore that was cut short is never taken for a
 * cluster. Source: docs/behaviour/recovery.md 6.2 and 6.3.
 */
import { constants } from 'node:fs';
import { lstat, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { createThrottle } from '../host/copy-file.ts';
import { syncDirectory } from '../host/files.ts';
import { backupPath } from '../catalog/layout.ts';
import { RecoveryError } from '../domain/errors.ts';
import { watchProgress } from '../transfer/progress.ts';
import { syncTree } from '../transfer/measure.ts';
import type { ServerScope } from '../server/scope.ts';
import { copyTree, type CopyRun, listTree, toBinary, type Tree } from './stages/copy.ts';
import { holdControlFile, isUpToDate, type Purge, purge } from './stages/delta.ts';
import { prepareDirectory } from './destinations.ts';
import { type PlannedTablespace, type RecoveryPlan, sourceOfData, sourceOfTablespace } from './plan.ts';
import { checkRoom, type Demand } from './room.ts';
import { linkTablespaces } from './stages/tablespaces.ts';
import { type Archive, findArchives, unpackArchive } from './stages/unpack.ts';

/** Without it PostgreSQL does not start. */
export const CONTROL_FILE = 'global/pg_control';
const HELD_CONTROL_FILE = 'global/pg_control.barman-restore';

/** What is to be copied, known in full before the first byte is. */
export type BaseBackup =
  | {
      readonly method: 'plain';
      readonly data: Tree;
      readonly tablespaces: ReadonlyMap<number, Tree>;
      readonly size: number;
    }
  | { readonly method: 'tar'; readonly archives: ReadonlyMap<'base' | number, Archive>; readonly size: number };

/** Looks at everything that will be copied. @throws RecoveryError when the backup is not whole */
export async function inspectBaseBackup(scope: ServerScope, plan: RecoveryPlan): Promise<BaseBackup> {
  const { info } = plan;
  const source = sourceOfData(scope, info);
  const facts = await lstat(source).catch(() => null);
  if (!facts?.isDirectory()) {
    throw new RecoveryError(`Cannot restore backup '${info.backupId}': its directory '${source}' is missing`);
  }
  if (plan.method === 'tar') {
    const archives = await findArchives(scope, info);
    const stored = [...archives.values()].reduce((sum, archive) => sum + archive.size, 0);
    return { method: 'tar', archives, size: Math.max(stored, info.clusterSize ?? 0) };
  }
  const boundary = backupPath(scope.catalog.layout, info.backupId);
  const data = await listTree(source, { boundary, isExcluded: (path) => isLeftOut(path, plan) });
  if (!data.files.some(({ path }) => path === CONTROL_FILE)) {
    throw new RecoveryError(`Cannot restore backup '${info.backupId}': its file '${CONTROL_FILE}' is missing`);
  }
  const tablespaces = new Map<number, Tree>();
  for (const { oid } of plan.tablespaces) {
    const root = sourceOfTablespace(scope, info, oid);
    if (!(await lstat(root).catch(() => null))?.isDirectory()) {
      throw new RecoveryError(`Cannot restore backup '${info.backupId}': its directory '${root}' is missing`);
    }
    tablespaces.set(oid, await listTree(root, { boundary, isExcluded: () => false }));
  }
  const size = [...tablespaces.values()].reduce((sum, tree) => sum + tree.size, data.size);
  return { method: 'plain', data, tablespaces, size };
}

/** Barman's list: what belongs to the running original, and what Barman writes anew. */
function isLeftOut(path: string, plan: RecoveryPlan): boolean {
  if (/^(?:pg_log|log|pg_xlog|pg_wal)\/./.test(path)) return true;
  if (/^(?:postmaster\.pid|recovery\.conf|tablespace_map)$/.test(path)) return true;
  return plan.tablespaces.some(({ oid }) => path === `pg_tblspc/${oid}`);
}

/** What the base backup will take, by directory. */
export function demandsOf(scope: ServerScope, plan: RecoveryPlan, base: BaseBackup): readonly Demand[] {
  const source = sourceOfData(scope, plan.info);
  if (base.method === 'tar') return [{ directory: plan.destination, source, bytes: base.size }];
  const spaces = plan.tablespaces.map(({ oid, path }) => ({
    directory: path,
    source: sourceOfTablespace(scope, plan.info, oid),
    bytes: base.tablespaces.get(oid)?.size ?? 0,
  }));
  return [{ directory: plan.destination, source, bytes: base.data.size }, ...spaces];
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
    const isUpToDate = plan.delta && base.method === 'plain' ? await readyForDelta(plan, base, horizon) : undefined;
    const run: CopyRun = { ...copying(scope, onBytes), ...(isUpToDate ? { isUpToDate } : {}) };
    for (const tablespace of plan.tablespaces) {
      scope.output.info(`\t${tablespace.oid}, ${tablespace.name}, ${tablespace.location}`);
      await copyTablespace(scope, base, tablespace, run);
    }
    await copyData(scope, plan, base, run);
    await linkTablespaces(plan.destination, plan.tablespaces);
    if (base.method === 'tar') {
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
  base: Extract<BaseBackup, { method: 'plain' }>,
  horizon: number | null,
): Promise<CopyRun['isUpToDate']> {
  await holdControlFile(plan.destination);
  for (const { directory, what } of purgesOf(plan, base)) await purge(directory, what);
  return (file, target) => isUpToDate(file, target, horizon);
}

/** Which directories a delta restore clears, and of what. */
export function purgesOf(
  plan: RecoveryPlan,
  base: Extract<BaseBackup, { method: 'plain' }>,
): readonly { readonly directory: string; readonly what: Purge }[] {
  const keep = new Set(plan.tablespaces.map(({ path }) => toBinary(path)));
  const spaces = plan.tablespaces.flatMap(({ oid, path }) => {
    const tree = base.tablespaces.get(oid);
    return tree ? [{ directory: path, what: { tree, isCluster: false, keep: new Set<string>() } }] : [];
  });
  return [...spaces, { directory: plan.destination, what: { tree: base.data, isCluster: true, keep } }];
}

async function copyTablespace(
  scope: ServerScope,
  base: BaseBackup,
  { oid, name, path }: PlannedTablespace,
  run: CopyRun,
): Promise<void> {
  const { config } = scope;
  if (base.method === 'tar') {
    const archive = base.archives.get(oid);
    if (archive) await unpackArchive(archive, path, { ...unpacking(scope, run.onBytes), excludes: [] });
    return;
  }
  const tree = base.tablespaces.get(oid);
  const limit = config.tablespaceBandwidthLimit?.get(name) ?? config.bandwidthLimit;
  if (tree) await copyTree(tree, path, { ...run, throttle: createThrottle(limit) });
}

async function copyData(scope: ServerScope, plan: RecoveryPlan, base: BaseBackup, run: CopyRun): Promise<void> {
  if (base.method === 'plain') {
    await copyTree(base.data, plan.destination, {
      ...run,
      rename: (path) => (path === CONTROL_FILE ? HELD_CONTROL_FILE : path),
    });
    return;
  }
  const archive = base.archives.get('base');
  if (!archive) return;
  await unpackArchive(archive, plan.destination, {
    ...unpacking(scope, run.onBytes),
    excludes: ['recovery.conf', 'tablespace_map'],
    rename: { from: CONTROL_FILE, to: HELD_CONTROL_FILE },
  });
  if (!(await lstat(join(plan.destination, HELD_CONTROL_FILE)).catch(() => null))?.isFile()) {
    throw new RecoveryError(`Failure copying base backup: '${archive.path}' holds no '${CONTROL_FILE}'`);
  }
}

/** Fewer would leave a fast disk idle; more would only queue for Node's four file threads. */
const LEAST_WORKERS = 4;

function copying(scope: ServerScope, onBytes: (bytes: number) => void): CopyRun {
  const workers = Math.max(scope.config.parallelJobs, LEAST_WORKERS);
  return { workers, signal: scope.signal, onBytes, throttle: createThrottle(scope.config.bandwidthLimit) };
}

function unpacking(scope: ServerScope, onBytes: (bytes: number) => void) {
  return {
    env: scope.programEnv,
    signal: scope.signal,
    ...(scope.output.progress.enabled ? { onBytes } : {}),
  };
}

/** Gives the control file its name: from now on PostgreSQL starts here. */
export async function releaseControlFile(scope: ServerScope, plan: RecoveryPlan): Promise<void> {
  const directory = join(plan.destination, 'global');
  await rename(join(plan.destination, HELD_CONTROL_FILE), join(plan.destination, CONTROL_FILE));
  // The rename was the last change in there: the directory keeps the time that it has in the backup.
  const original = await lstat(join(sourceOfData(scope, plan.info), 'global')).catch(() => null);
  if (original !== null) {
    const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.utimes(Date.now() / 1000, original.mtimeMs / 1000);
    } finally {
      await handle.close();
    }
  }
  await syncDirectory(directory);
}
