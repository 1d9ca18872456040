/**
 * One run of the maintenance. Cron decides and starts; the WAL work is in children, each an ordinary command with its own
 * lock. Source: docs/behaviour/backup.md 7, wal.md 6.
 *
 * Servers are handled a few at a time and reported in name order. Nothing here opens a PostgreSQL connection.
 */
import { unlinkIfPresent } from '../host/files.ts';
import { type HeldLock } from '../host/lock.ts';
import { startEachInBackground, startInBackground } from '../host/self.ts';
import type { ServerInForce } from '../config/in-force.ts';
import { BarmanError, LockDeniedError, messageOf, withHint } from '../domain/errors.ts';
import type { Output } from '../output/output.ts';
import { takeTurns, type Turn } from '../output/ordered.ts';
import { inParallel } from '../domain/in-parallel.ts';
import { stateOf } from '../domain/server-role.ts';
import type { CommandContext } from '../server/context.ts';
import { allServers, reportConflicts } from '../server/select.ts';
import { openServer } from '../server/open.ts';
import { needsReceiver, stopReceiver } from './receiver.ts';
import { HOME_REPAIRS, repair, SERVER_REPAIRS } from './repairs.ts';
import type { ServerScope } from '../server/scope.ts';
import { useWalConninfo } from '../server/wal-conninfo.ts';
import { archiving, heldBackup, holderOf, takeLock } from '../server/locks.ts';

export interface CronOptions {
  /** Children write to our standard output and error. */
  readonly keepDescriptors: boolean;
}

/** Servers at work at once: enough to hide the waits for lock helpers. */
const AT_ONCE = 8;

/** One server between its two halves: decided upon, its cron lock still held. */
interface Visit {
  readonly scope: ServerScope;
  readonly lock: HeldLock;
  /** Arguments of the commands to start in the background. */
  readonly children: (readonly string[])[];
  readonly turn: Turn;
}

/**
 * First every server is decided upon, then the children of all are started, then policies are enforced: a child competes with
 * us for the processors from its first moment, and none must wait for a deletion, which may take hours.
 */
export async function runCron(ctx: CommandContext, options: CronOptions): Promise<void> {
  if (reportConflicts(ctx)) return;
  await repair(HOME_REPAIRS, 'before the work', ctx);
  const hosts = allServers(ctx).map((server) => useWalConninfo(server));
  for (const { note } of hosts) if (note !== null) ctx.output.info(note);
  const turns = takeTurns(ctx.output, hosts.length);
  const servers = hosts.flatMap(({ server }, index) => (turns[index] ? [{ server, turn: turns[index] }] : []));
  const visits: Visit[] = [];
  await inParallel(servers, AT_ONCE, async ({ server, turn }) => {
    const visit = ctx.signal.aborted ? null : await beginVisit({ ...ctx, output: turn.output }, server, turn);
    if (visit === null) turn.done();
    else visits.push(visit);
  });
  await startChildren(ctx, visits, options);
  await inParallel(visits, AT_ONCE, async (visit) => {
    if (!ctx.signal.aborted) await guarded(visit, () => enforcePolicy(visit.scope));
    await endVisit(visit);
  });
  ctx.signal.throwIfAborted();
  await repair(HOME_REPAIRS, 'after the work', ctx);
}

/** One server's trouble never keeps the others from their maintenance. */
function reportFailure(output: Output, name: string, error: unknown): void {
  if (error instanceof LockDeniedError) {
    output.error(withHint(error.message, error.hint));
    return;
  }
  if (error instanceof BarmanError) output.error(withHint(`server '${name}': ${error.message}`, error.hint));
  output.exception(
    `Unable to run cron on server '${name}', please look in the barman log file for more details.`,
    error instanceof Error ? error.stack : messageOf(error),
  );
}

/** Takes the server's cron lock and decides what is to be done; null when there is nothing more to do for it. */
async function beginVisit(ctx: CommandContext, server: ServerInForce, turn: Turn): Promise<Visit | null> {
  let scope: ServerScope | undefined;
  try {
    scope = await openServer(ctx, server, { offline: true });
    const lock = await lockServer(scope);
    if (lock === undefined) return null;
    const visit: Visit = { scope, lock, children: [], turn };
    await guarded(visit, () => decide(visit));
    return visit;
  } catch (error) {
    reportFailure(ctx.output, server.name, error);
    await scope?.close();
    return null;
  }
}

async function lockServer(scope: ServerScope): Promise<HeldLock | undefined> {
  if (stateOf(scope.role, scope.problems) === 'disabled') {
    scope.output.info(`Skipping temporarily disabled server '${scope.name}'`);
    return undefined;
  }
  return takeLock(scope, 'cron');
}

async function guarded({ scope }: Visit, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    reportFailure(scope.output, scope.name, error);
  }
}

/** Archiving goes through a queue: it concerns every server, every minute. */
async function startChildren(ctx: CommandContext, visits: readonly Visit[], options: CronOptions): Promise<void> {
  const commands = visits.flatMap(({ children }) => children);
  const archiving = commands.flatMap(([name, server, ...rest]) =>
    name === 'archive-wal' && server && !rest.length ? [server] : [],
  );
  try {
    await startEachInBackground(ctx, 'archive-wal', archiving, options);
  } catch (error) {
    ctx.output.error(messageOf(error));
  }
  for (const visit of visits) {
    for (const args of visit.children.filter(([name]) => name !== 'archive-wal')) {
      await guarded(visit, async () => void (await startInBackground(visit.scope, args, options)));
    }
  }
}

async function endVisit({ scope, lock, turn }: Visit): Promise<void> {
  try {
    // Part of the clean-up, done while the lock is ours: it saves taking it once more.
    if (scope.configuration.global.lockDirectoryCleanup) await unlinkIfPresent(lock.path);
  } finally {
    await lock.release();
    await scope.close();
    turn.done();
  }
}

async function decide(visit: Visit): Promise<void> {
  const { scope } = visit;
  if (scope.role.visit === 'stop') {
    await stopReceiver(scope, `Server '${scope.name}' is inactive: stopping receive-wal subprocess`);
    return;
  }
  await repair(SERVER_REPAIRS, 'before the work', scope);
  if (scope.role.visit === 'follow') {
    scope.output.warning(
      `Server '${scope.name}' is a passive node: its synchronisation with the primary is not available in this release`,
    );
  } else {
    await decideArchiving(visit);
    if (!scope.config.streamingArchiver) await stopReceiver(scope);
    else if (await needsReceiver(scope)) visit.children.push(['receive-wal', scope.name]);
  }
  await decideBackupCheck(visit);
}

async function decideArchiving({ scope, children }: Visit): Promise<void> {
  if ((await holderOf(scope, 'archive')) !== undefined) {
    scope.output.info(archiving(scope));
    return;
  }
  scope.output.info(`Starting WAL archiving for server ${scope.name}`);
  children.push(['archive-wal', scope.name]);
}

/** The oldest backup that waits for WAL, one for each run. */
async function decideBackupCheck({ scope, children }: Visit): Promise<void> {
  const { backups } = await scope.catalog.listBackups();
  const waiting = backups.find(({ status }) => status === 'WAITING_FOR_WALS');
  if (waiting === undefined) return;
  const { backupId } = waiting;
  if ((await holderOf(scope, 'check backup', backupId)) !== undefined) {
    scope.output.info(heldBackup(scope, backupId));
    return;
  }
  scope.output.info(`Starting check-backup for backup ${backupId} of server ${scope.name}`);
  children.push(['check-backup', scope.name, backupId]);
}

async function enforcePolicy(scope: ServerScope): Promise<void> {
  if (!scope.role.isMaintained) return;
  await repair(SERVER_REPAIRS, 'after the work', scope);
  if (scope.config.retentionPolicy === null) return;
  const { enforceRetention } = await import('./retention.ts');
  await enforceRetention(scope);
}
