/**
 * The checks of one server in Barman's order, for `check` itself and for the commands that look before they start.
 * Source: spec check.md 1.1, 1.5, 1.7.
 */
import type { CheckResult } from '../domain/check-result.ts';
import { checkFileArchiver, checkRejects, checkStreamingArchiver } from './archivers.ts';
import { checkLastBackup, checkLastWals, checkRedundancy } from './backups.ts';
import {
  checkCloud,
  checkCompression,
  checkDirectories,
  checkEncryption,
  checkProblems,
  checkRetention,
} from './configuration.ts';
import { checkMethod } from './method.ts';
import { checkPostgres, checkSlot, checkSystemId, checkWalStreaming } from './postgres.ts';
import { checkReceiver } from './receive-test.ts';
import { type CheckListener, type CheckScope, openScope, type RunningScope } from './scope.ts';
import { checkQueues, checkWalArchive } from './wal-archive.ts';
import { checkWalHost } from './wal-host.ts';
import type { CommandContext } from '../server/context.ts';
import type { Server } from '../server/server.ts';

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
]);

/**
 * Runs every check that applies to the server and hands over each result as it is known. Creates missing directories,
 * and may archive WAL or close a segment when none ever arrived. Returns all results; after the time limit the last one
 * is the failed `check timeout`.
 */
export async function checkServer(
  ctx: CommandContext,
  server: Server,
  options: CheckServerOptions,
): Promise<readonly CheckResult[]> {
  const scope = openScope(ctx, server, options.timeoutSeconds, options);
  await withinTime(scope, runChecks(scope));
  return scope.results;
}

/**
 * The silent check before a backup: true when nothing that matters failed. Each failure is in the log. `checkTimeout`
 * in seconds replaces the configured one.
 */
export async function isReadyForBackup(
  ctx: CommandContext,
  server: Server,
  options: { readonly checkTimeout?: number | undefined } = {},
): Promise<boolean> {
  const results = await checkServer(ctx, server, {
    onResult: () => {},
    onNote: (text) => ctx.output.info(text),
    ignores: (name) => NOT_CRITICAL.has(name),
    timeoutSeconds: options.checkTimeout ?? server.config.checkTimeout,
  });
  return results.every((result) => result.ok || NOT_CRITICAL.has(result.name));
}

/** What `receive-wal --test` tries; each result is handed over as it is known. */
export async function receiverChecks(ctx: CommandContext, server: Server, options: CheckServerOptions): Promise<void> {
  const scope = openScope(ctx, server, options.timeoutSeconds, options);
  await withinTime(scope, checkReceiver(scope));
}

/** The silent check before receive-wal starts: rights, replication, wal_level and identity of its own connections. */
export async function walStreamingChecks(ctx: CommandContext, server: Server): Promise<boolean> {
  const timeoutSeconds = server.config.checkTimeout;
  const scope = openScope(ctx, server, timeoutSeconds, { onResult: () => {} });
  await withinTime(scope, (async () => checkWalStreaming(scope, await scope.status()))());
  return scope.results.every((result) => result.ok);
}

async function runChecks(scope: CheckScope): Promise<void> {
  const { server } = scope;
  const asksPostgres = server.isActive && !server.isPassive;
  await checkWalArchive(scope);
  await checkQueues(scope);
  if (asksPostgres) {
    await checkPostgres(scope);
    if (!(await checkWalHost(scope))) await checkSlot(scope, await scope.status(), '');
  }
  await checkDirectories(scope);
  await checkRetention(scope);
  await checkLastBackup(scope);
  await checkEncryption(scope);
  await checkCloud(scope);
  await checkLastWals(scope);
  await checkCompression(scope);
  await checkRedundancy(scope);
  await checkMethod(scope);
  await checkProblems(scope);
  await checkSystemId(scope, asksPostgres ? await scope.status() : {}, '');
  if (asksPostgres) {
    await checkStreamingArchiver(scope);
    await checkFileArchiver(scope);
  }
  await checkRejects(scope);
}

/** Waits for the work, but no longer than the limit. What the work still does afterwards is not listened to. */
async function withinTime(scope: RunningScope, work: Promise<void>): Promise<void> {
  if (scope.timeoutSeconds === 0) return work;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), scope.timeoutSeconds * 1000);
  });
  try {
    if ((await Promise.race([work, limit])) !== 'late') return;
    scope.expire();
    work.catch(() => {});
  } finally {
    clearTimeout(timer);
  }
}
