/**
 * The base backup -> another host. The directories come first; then the files go over in shares of about equal size, one
 * rsync and one connection each, as many at a time as `parallel_jobs`. Source: docs/behaviour/recovery.md 6.2 and 11.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Executor } from '../../host/executor.ts';
import type { SshExecutor } from '../../host/executor/openssh.ts';
import { exists } from '../../host/files.ts';
import { pushTree, type Rsync } from '../../transfer/rsync.ts';
import { CommandFailure, reasonOf } from '../../host/process/failure.ts';
import { CommandError, messageOf, RecoveryError } from '../../domain/errors.ts';
import { type LaneJob, runInLanes, shareOfLimit } from '../../transfer/lanes.ts';
import { retryTransfer } from '../../transfer/retry-transfer.ts';
import { openRemoteHost } from '../../server/remote-host.ts';
import type { ServerScope } from '../../server/scope.ts';
import { purgesOf } from '../base-backup.ts';
import { CONTROL_FILE } from '../control-file.ts';
import type { BackupTrees, BaseBackup } from './base.ts';
import { native, type Tree, type TreeFile } from './copy.ts';
import { type RecoveryPlan, sourceOfData, sourceOfTablespace } from '../plan.ts';
import { holdControlFileThere, purgeThere } from './remote-delta.ts';

export interface Remote {
  readonly scope: ServerScope;
  readonly plan: RecoveryPlan;
  /** As typed. */
  readonly command: string;
  readonly host: SshExecutor;
  readonly rsync: Rsync;
  readonly compress: boolean;
}

/** Directories of this host. */
export interface Workplace {
  /** For lists of names; made here. */
  readonly lists: string;
  /** What the restore itself changes waits there: it stands for the destination. */
  readonly standIn: string;
}

/** Made anew by the restore, or looked at by it: they travel by way of the stand-in. */
const OWN_FILES = ['postgresql.conf', 'postgresql.auto.conf', 'pg_hba.conf', 'pg_ident.conf'];
const SIGNALS = ['standby.signal', 'recovery.signal', 'backup_manifest'];

/** One directory of the backup on its way. */
interface Shipment {
  readonly title: string;
  readonly source: string;
  readonly destination: string;
  readonly tree: Tree;
  /** kB/s. */
  readonly bandwidth: number | null;
}

/** Copies everything but pg_control; `horizon` is what a delta restore knows, see safeHorizon(). @throws RecoveryError */
export async function copyBaseThere(
  remote: Remote,
  { trees }: BaseBackup,
  { lists, standIn }: Workplace,
  horizon: number | null,
): Promise<void> {
  const { scope, plan } = remote;
  // planRecovery() has refused the others.
  if (trees === null) throw new RecoveryError('a compressed backup cannot be restored to another host');
  for (const { oid, name, location } of plan.tablespaces) scope.output.info(`\t${oid}, ${name}, ${location}`);
  const own = new Set([...OWN_FILES, ...SIGNALS, plan.recoveryFile]);
  const shipments = shipmentsOf(remote, trees, own);
  await mkdir(lists, { mode: 0o700 });
  if (plan.delta) await readyForDelta(remote, trees);
  let count = 0;
  const send = async (shipment: Shipment, paths: readonly string[], compare = false): Promise<LaneJob[]> => {
    if (paths.length === 0) return [];
    const listFile = join(lists, String((count += 1)));
    // Without the `./` rsync would take a name like `#1` for a comment.
    await writeFile(listFile, native(paths.map((path) => `./${path}\0`).join('')), { mode: 0o600 });
    const { title, source, destination, bandwidth } = shipment;
    return [
      (lane) =>
        retryTransfer({ output: scope.output, config: scope.config, signal: scope.signal, title }, () =>
          push(remote, lane, { source: `${source}/`, destination: `${destination}/`, listFile, bandwidth, compare }),
        ),
    ];
  };
  const directories: LaneJob[] = [];
  const files: LaneJob[] = [];
  for (const shipment of shipments) {
    const { tree } = shipment;
    // The one at the top exists already, and "." would mean everything in it.
    const below = tree.directories.map(({ path }) => path).filter((path) => path !== '');
    directories.push(...(await send(shipment, below)));
    for (const share of shareOut(tree.files, scope.config.parallelJobs)) {
      // Where nothing was, nothing has to be compared.
      const isDoubtful = ({ mtimeMs }: TreeFile) => plan.delta && !(horizon !== null && mtimeMs < horizon);
      for (const compare of [false, true]) {
        const paths = share.filter((file) => isDoubtful(file) === compare).map(({ path }) => path);
        files.push(...(await send(shipment, paths, compare)));
      }
    }
  }
  await inLanes(remote, [directories, files]);
  for (const name of own) {
    const path = join(sourceOfData(scope, plan.info), name);
    if (await exists(path)) await copyFile(path, join(standIn, name));
  }
  await linkTablespaces(remote);
}

/** Clears the destination of what the backup does not hold. */
async function readyForDelta({ plan, host }: Remote, trees: BackupTrees): Promise<void> {
  await told(`Cannot clear '${plan.destination}'`, async () => {
    await holdControlFileThere(host, plan.destination);
    for (const { directory, what } of purgesOf(plan, trees)) await purgeThere(host, directory, what);
  });
}

function shipmentsOf({ scope, plan }: Remote, trees: BackupTrees, own: ReadonlySet<string>): Shipment[] {
  const { config } = scope;
  const share = (limit: number | null) => shareOfLimit(limit, config.parallelJobs);
  const spaces = plan.tablespaces.map(({ oid, name, path }) => ({
    title: `tablespace '${name}' directory: ${path}/`,
    source: sourceOfTablespace(scope, plan.info, oid),
    destination: path,
    tree: trees.tablespaces.get(oid) ?? { directories: [], files: [], size: 0 },
    bandwidth: share(config.tablespaceBandwidthLimit?.get(name) ?? config.bandwidthLimit),
  }));
  const files = trees.data.files.filter(({ path }) => path !== CONTROL_FILE && !own.has(path));
  const data = {
    title: `PGDATA directory: ${plan.destination}/`,
    source: sourceOfData(scope, plan.info),
    destination: plan.destination,
    tree: { ...trees.data, files },
    bandwidth: share(config.bandwidthLimit),
  };
  return [...spaces, data];
}

/** At most `count` lists of about equal size in bytes, none of them empty. */
export function shareOut(files: readonly TreeFile[], count: number): TreeFile[][] {
  const shares = Array.from({ length: Math.max(1, Math.min(count, files.length)) }, () => ({
    bytes: 0,
    files: [] as TreeFile[],
  }));
  for (const file of files.toSorted((left, right) => right.size - left.size)) {
    const lightest = shares.reduce((best, share) => (share.bytes < best.bytes ? share : best));
    // An empty file is work, too.
    lightest.bytes += file.size + 1;
    lightest.files.push(file);
  }
  return shares.map((share) => share.files).filter((share) => share.length > 0);
}

/** Runs one set of jobs after the other; the connections are shared by both. */
async function inLanes({ scope, command, host }: Remote, sets: readonly (readonly LaneJob[])[]): Promise<void> {
  const { config } = scope;
  const lanes: Executor[] = [host];
  try {
    for (const jobs of sets) {
      await runInLanes(jobs, {
        lanes: Math.max(1, config.parallelJobs),
        batchSize: config.parallelJobsStartBatchSize,
        batchPeriod: config.parallelJobsStartBatchPeriod,
        connect: async (number) => (lanes[number] ??= await openRemoteHost(scope, command)),
        signal: scope.signal,
      });
    }
  } finally {
    await Promise.all(lanes.filter((lane) => lane !== host).map((lane) => lane.close()));
  }
}

async function linkTablespaces({ plan, host }: Remote): Promise<void> {
  for (const { oid, name, location, path } of plan.tablespaces) {
    const link = join(plan.destination, 'pg_tblspc', String(oid));
    await told(`unable to prepare '${name}' tablespace (destination '${location}')`, async () => {
      await host.makeDirectory(dirname(link), 0o700);
      const result = await host.run(['ln', '-s', path, link]);
      if (result.code !== 0) throw new CommandError(reasonOf(result));
    });
  }
}

export interface Push {
  readonly source: string;
  readonly destination: string;
  /** Names below the source, see pushTree(); without it everything goes. */
  readonly listFile?: string;
  /** kB/s; by default that of the server. */
  readonly bandwidth?: number | null;
  /** Contents, not size and time, say whether a file is there already; by default in a delta restore. */
  readonly compare?: boolean;
}

/** One run of rsync to the other host. @throws RecoveryError */
export async function push(
  { scope, plan, rsync, compress }: Remote,
  lane: Executor,
  { source, destination, listFile, bandwidth = scope.config.bandwidthLimit, compare = plan.delta }: Push,
): Promise<void> {
  const link = { shell: await lane.rsyncShell(), compress, bandwidth };
  try {
    const inPlace = !plan.delta;
    await pushTree(rsync, {
      link,
      source,
      destination,
      listFile: listFile ?? null,
      inPlace,
      compare,
      signal: scope.signal,
    });
  } catch (cause) {
    scope.signal.throwIfAborted();
    if (!(cause instanceof CommandFailure)) throw cause;
    throw new RecoveryError(
      `Failure copying base backup: data transfer failure on directory '${destination}'\nrsync error:\n${cause.message}`,
      { cause },
    );
  }
}

/** A command that failed over there, said as what it was for. @throws RecoveryError */
export async function told<T>(what: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause;
    throw new RecoveryError(`${what}: ${messageOf(cause)}`, { cause });
  }
}
