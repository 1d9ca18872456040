/**
 * The checks of one server in Barman's order, for `check` itself and for the commands that look before they start.
 * Source: docs/behaviour/check.md 1.1, 1.5, 1.7.
 */
import type { CheckResult } from '../domain/check-result.ts';
import { checkArchiverForBackup, checkFileArchiver, checkRejects, checkStreamingArchiver } from './archivers.ts';
import { checkLastBackup, checkLastWals, checkRedundancy } from './backups.ts';
import {
  checkCloud,
  checkCompression,
  checkDirectories,
  checkEncryption,
  checkProblems,
  checkRetention,
} from './configuration.ts';
import { checkDenials, checkStrayWals } from './files.ts';
import { checkMethod } from './method.ts';
import { checkPostgres, checkSlot, checkSystemId, checkWalStreaming } from './postgres.ts';
import { checkReceiver } from './receive-test.ts';
import { type CheckListener, type CheckRun, openChecks, type RunningChecks } from './scope.ts';
import { checkForeignWal, checkQueues, checkWalArchive } from './wal-archive.ts';
import { checkWalHost } from './wal-host.ts';
import type { ServerScope } from '../server/scope.ts';

export interface CheckServerOptions extends CheckListener {
  /** For the whole run, 0 for no limit. */
  readonly timeoutSeconds: number;
}

/** Failures that do not keep a backup from starting. */
const NOT_CRITICAL: ReadonlySet<string> = new Set([
  'minimum redundancy requirements',
  'backup maximum age',
  'backup minimum size',
  'failed backups',
  'archiver errors',
  'empty incoming directory',
  'empty streaming directory',
  'incoming WALs directory',
  'streaming WALs directory',
  'wal maximum age',
  'PostgreSQL server is standby',
  // Ours: a record that cannot be read must not keep the next backup from being taken.
  'backup catalog',
  // These keep WAL from being archived; a backup that they concern says so itself.
  'file permissions',
  'PostgreSQL archiver',
  'WAL directory',
  // The next backup is what is needed then.
  'backup data',
]);

/**
 * Runs every check that applies to the server and hands over each result as it is known. Creates missing directories,
 * and may archive WAL or close a segment when none ever arrived. Returns all results; after the time limit the last one
 * is the failed `check timeout`.
 */
export async function checkServer(scope: ServerScope, options: CheckServerOptions): Promise<readonly CheckResult[]> {
  const run = openChecks(scope, options.timeoutSeconds, options);
  await withinTime(run, runChecks(run));
  return run.results;
}

/**
 * The silent check before a backup: true when nothing that matters failed. Each failure is in the log. `checkTimeout`
 * in seconds replaces the configured one.
 */
export async function isReadyForBackup(
  scope: ServerScope,
  options: { readonly checkTimeout?: number | undefined } = {},
): Promise<boolean> {
  const results = await checkServer(scope, {
    onResult: () => {},
    onNote: (text) => scope.output.info(text),
    ignores: (name) => NOT_CRITICAL.has(name),
    timeoutSeconds: options.checkTimeout ?? scope.config.checkTimeout,
  });
  return results.every((result) => result.ok || NOT_CRITICAL.has(result.name));
}

/** What `receive-wal --test` tries; each result is handed over as it is known. */
export async function receiverChecks(scope: ServerScope, options: CheckServerOptions): Promise<void> {
  const run = openChecks(scope, options.timeoutSeconds, options);
  await withinTime(run, checkReceiver(run));
}

/** The silent check before receive-wal starts: rights, replication, wal_level and identity of its own connections. */
export async function walStreamingChecks(scope: ServerScope): Promise<boolean> {
  const timeoutSeconds = scope.config.checkTimeout;
  const run = openChecks(scope, timeoutSeconds, { onResult: () => {} });
  await withinTime(run, (async () => checkWalStreaming(run, await scope.status()))());
  return run.results.every((result) => result.ok);
}

async function runChecks(run: CheckRun): Promise<void> {
  const { scope } = run;
  const { asksPostgres } = scope.role;
  await checkWalArchive(run);
  await checkQueues(run);
  if (asksPostgres) {
    await checkPostgres(run);
    if (!(await checkWalHost(run))) await checkSlot(run, await scope.status(), '');
  }
  await checkDirectories(run);
  await checkDenials(run);
  await checkStrayWals(run);
  await checkRetention(run);
  await checkLastBackup(run);
  await checkEncryption(run);
  await checkCloud(run);
  await checkLastWals(run);
  await checkCompression(run);
  await checkRedundancy(run);
  await checkMethod(run);
  await checkProblems(run);
  await checkSystemId(run, await scope.status(), '');
  if (asksPostgres) {
    await checkStreamingArchiver(run);
    await checkFileArchiver(run);
    await checkArchiverForBackup(run);
  }
  await checkRejects(run);
  await checkForeignWal(run);
}

/** Waits for the work, but no longer than the limit. What the work still does afterwards is not listened to. */
async function withinTime(run: RunningChecks, work: Promise<void>): Promise<void> {
  if (run.timeoutSeconds === 0) return work;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), run.timeoutSeconds * 1000);
  });
  try {
    if ((await Promise.race([work, limit])) !== 'late') return;
    run.expire();
    work.catch(() => {});
  } finally {
    clearTimeout(timer);
  }
}
