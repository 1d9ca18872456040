/**
 * The copy of a cluster by rsync: every directory is surveyed, then the files are copied in lanes, then pg_control.
 * Source: docs/behaviour/backup.md 5.2, 5.4 and 5.6.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Executor } from '../../host/executor.ts';
import { localExecutor } from '../../host/executor/local.ts';
import type { ClusterFacts } from '../../postgres/connections.ts';
import { copyFiles, findRsync, listTree, type Rsync, type RsyncLink } from '../../transfer/rsync.ts';
import { CommandFailure } from '../../host/process/failure.ts';
import { BackupError } from '../../domain/errors.ts';
import { judgeRsync, OLDEST_SOURCE } from '../../domain/text/rsync-version.ts';
import { openRemoteHost } from '../../server/remote-host.ts';
import type { Literal } from '../../domain/text/python-literal.ts';
import type { BackupJob } from '../method.ts';
import { copyList } from './copy-list.ts';
import { configurationItems, controlItem, type DirectoryItem, directoryItems, type FileItem } from './items.ts';
import { type LaneJob, runInLanes } from '../../transfer/lanes.ts';
import { retryTransfer } from '../../transfer/retry-transfer.ts';
import { chooseReuse, type Reuse } from './reuse.ts';
import { CopyStatistics } from './statistics.ts';
import { type FileList, survey } from './survey.ts';

interface Copy {
  readonly job: BackupJob;
  readonly rsync: Rsync;
  readonly signal: AbortSignal;
  readonly workDirectory: string;
  readonly reuse: Reuse | null;
  readonly statistics: CopyStatistics;
  readonly step: (text: string) => void;
}

/** Copies everything; returns `copy_stats`. @throws BackupError */
export async function copyCluster(
  job: BackupJob,
  facts: ClusterFacts,
  { workDirectory, signal }: { readonly workDirectory: string; readonly signal: AbortSignal },
): Promise<{ readonly [key: string]: Literal }> {
  const { scope } = job;
  const { config } = scope;
  const jobs = Math.max(1, config.parallelJobs);
  const env = scope.programEnv;
  const reuse = await chooseReuse(job, workDirectory);
  const directories = directoryItems(facts, {
    bandwidth: config.bandwidthLimit,
    tablespaceBandwidth: config.tablespaceBandwidthLimit,
    previous: reuse?.previous,
    jobs,
  });
  const configuration = configurationItems(facts);
  const control = controlItem(facts);
  const steps = directories.length * 4 + configuration.length + 1;
  const copy: Copy = {
    job,
    rsync: await findRsync(scope.searchPath, env),
    signal,
    workDirectory,
    reuse,
    statistics: new CopyStatistics(),
    step: stepLog(job, steps),
  };
  const hosts = connections(job, env, signal);
  try {
    const surveyed: { readonly item: DirectoryItem; readonly lists: readonly FileList[] }[] = [];
    for (const item of directories) {
      surveyed.push({ item, lists: await surveyItem(copy, await hosts.lane(0), item, jobs) });
    }
    const work: LaneJob[] = [
      ...surveyed.flatMap(({ item, lists }) =>
        lists.map((list) => (host: Executor) => copyItem(copy, host, item, list)),
      ),
      ...configuration.map((item) => (host: Executor) => copyFile(copy, host, item)),
    ];
    await runInLanes(work, {
      lanes: jobs,
      batchSize: config.parallelJobsStartBatchSize,
      batchPeriod: config.parallelJobsStartBatchPeriod,
      connect: hosts.lane,
      signal,
    });
    await copyFile(copy, await hosts.lane(0), control);
    return copy.statistics.summary(jobs);
  } finally {
    await hosts.close();
  }
}

/** One connection a lane: the first has that of the server, the others are opened with their first job. */
function connections(job: BackupJob, env: NodeJS.ProcessEnv, signal: AbortSignal) {
  const { scope } = job;
  const { sshCommand: command } = scope.config;
  const open: Executor[] = [];
  return {
    lane: async (number: number): Promise<Executor> => {
      if (command === null) return localExecutor(env);
      if (number === 0) return scope.remoteHost();
      return (open[number] ??= await openRemoteHost({ ...scope, signal }, command));
    },
    close: async () => {
      await Promise.all(open.map((host) => host.close()));
    },
  };
}

function stepLog(job: BackupJob, total: number): (text: string) => void {
  const log = job.scope.log.named('barman.copy_controller');
  let step = 0;
  return (text) => {
    step += 1;
    log.info(`Copy step ${step} of ${total}: ${text}`);
  };
}

async function linkOf({ job }: Copy, host: Executor, bandwidth: number | null): Promise<RsyncLink> {
  return { shell: await host.rsyncShell(), compress: job.scope.config.networkCompression, bandwidth };
}

async function surveyItem(
  copy: Copy,
  host: Executor,
  item: DirectoryItem,
  lanes: number,
): Promise<readonly FileList[]> {
  const { job, rsync, signal, reuse, statistics, step } = copy;
  const title = host.isRemote ? `remote ${item.title}` : item.title;
  step(`[global] analyze ${title}`);
  const destination = join(job.directory, item.target);
  await mkdir(destination, { mode: 0o700 });
  const request = {
    link: await linkOf(copy, host, item.bandwidth),
    source: item.source,
    filters: item.filters,
    signal,
  };
  const lists = await statistics
    .analysing(item.label, () =>
      survey(listTree(rsync, request), {
        destination,
        reference: reuse !== null && item.reusable ? join(reuse.directory, item.target) : null,
        safeHorizon: reuse?.safeHorizon ?? 0,
        listDirectory: copy.workDirectory,
        label: item.target,
        lanes,
      }),
    )
    .catch((error: unknown) => failTransfer(host, error));
  step(`[global] create destination directories and delete unknown files for ${title}`);
  return lists;
}

async function copyItem(copy: Copy, host: Executor, item: DirectoryItem, list: FileList): Promise<void> {
  const { job, rsync, signal, reuse, statistics, step } = copy;
  const title = host.isRemote ? `remote ${item.title}` : item.title;
  step(`${list.checksum ? 'copy files with checksum from' : 'copy safe files from'} ${title}`);
  const log = job.scope.log.named('barman.copy_controller');
  const request = {
    link: await linkOf(copy, host, item.bandwidth),
    source: item.source,
    destination: join(job.directory, item.target),
    listFile: list.path,
    temporaryDirectory: copy.workDirectory,
    reuse: reuse !== null && item.reusable ? { kind: reuse.kind, directory: join(reuse.directory, item.target) } : null,
    checksum: list.checksum,
    optional: true,
    signal,
  };
  await statistics.copying(item.label, () =>
    withRetries(copy, host, title, () => copyList(rsync, request, (text) => log.warning(text))),
  );
}

async function copyFile(copy: Copy, host: Executor, item: FileItem): Promise<void> {
  const { job, rsync, signal, statistics, step } = copy;
  const title = host.isRemote ? `remote ${item.title}` : item.title;
  step(`copy ${title}`);
  const request = {
    link: await linkOf(copy, host, job.scope.config.bandwidthLimit),
    source: item.source,
    destination: join(job.directory, item.target),
    listFile: null,
    temporaryDirectory: copy.workDirectory,
    reuse: null,
    checksum: false,
    optional: item.optional,
    signal,
  };
  await statistics.copying(item.label, () =>
    withRetries(copy, host, title, async () => {
      const verdict = await copyFiles(rsync, request);
      if (!verdict.complete) throw new BackupError(transferFailure(verdict.said));
    }),
  );
}

function withRetries({ job, signal }: Copy, host: Executor, title: string, body: () => Promise<void>): Promise<void> {
  return retryTransfer({ output: job.scope.output, config: job.scope.config, signal, title }, () =>
    body().catch((error: unknown) => failTransfer(host, error)),
  );
}

/** An old rsync over there is found only when it has failed: a backup that works need not ask. */
async function failTransfer(host: Executor, error: unknown): Promise<never> {
  if (!(error instanceof CommandFailure)) throw error;
  const answer = host.isRemote ? await host.run(['rsync', '--version']).catch(() => null) : null;
  const complaint = answer?.code === 0 ? judgeRsync(answer.stdout, OLDEST_SOURCE, 'on the PostgreSQL host') : null;
  const said = complaint === null ? error.message : `${error.message}\n${complaint}`;
  throw new BackupError(transferFailure(said), { cause: error });
}

function transferFailure(said: string): string {
  return `data transfer failure\nrsync error:\n${said}`;
}
