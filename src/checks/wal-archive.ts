/** Does WAL reach Barman at all, and is a queue filling up? Source: docs/behaviour/check.md 1.1 rows 1 to 3, 1.2. */
import { usesObjectStorage } from '../catalog/layout.ts';
import { listNames } from '../host/files.ts';
import { isWaitingName, judgeQueue } from '../domain/check-verdicts.ts';
import { BarmanError, errnoOf, messageOf, PostgresError } from '../domain/errors.ts';
import { archiveWals } from '../wal/archive/archive.ts';
import { findForeign } from '../wal/content/foreign.ts';
import { waitForWal } from '../wal/wait.ts';
import type { CheckRun } from './scope.ts';

/** How long to wait for a first WAL when the whole check has no limit: a third of the default check_timeout, seconds. */
const WAIT_WITHOUT_LIMIT = 10;

export async function checkWalArchive(run: CheckRun): Promise<void> {
  await run.check('WAL archive', async () =>
    (await hasWalArchive(run)) ? null : { ok: false, hint: 'please make sure WAL shipping is setup' },
  );
}

export async function checkQueues(run: CheckRun): Promise<void> {
  const { config } = run.scope;
  const queues = [
    { directory: config.incomingWalsDirectory, option: 'archiver', enabled: config.archiver, word: 'incoming' },
    {
      directory: config.streamingWalsDirectory,
      option: 'streaming_archiver',
      enabled: config.streamingArchiver,
      word: 'streaming',
    },
  ] as const;
  for (const queue of queues) {
    const maximum = config.maxIncomingWalsQueue;
    if (queue.enabled && maximum === null) continue;
    const name = queue.enabled ? `${queue.word} WALs directory` : `empty ${queue.word} directory`;
    await run.check(name, async () => {
      const waiting = (await listNames(queue.directory)).filter(isWaitingName).length;
      return judgeQueue(queue, waiting, maximum);
    });
  }
}

/** How long `check` may read; what is left is for the next one, ms. */
const READING = 5_000;

/** A line of ours, only where there is such a file: nothing else tells of it before a restore does. */
export async function checkForeignWal(run: CheckRun): Promise<void> {
  await run.check('WAL of this system', async () => {
    const [first, ...others] = await findForeign(run.scope, Date.now() + READING);
    if (first === undefined) return null;
    const more = others.length > 0 ? ` (and ${others.length} more)` : '';
    const { name } = run.scope;
    return {
      ok: false,
      hint: `'${first.location}'${more} ${first.problem}: move it away, type "barman rebuild-xlogdb ${name}" and archive the right one`,
    };
  });
}

/** Looks for archived WAL; a server that has none yet gets one archive pass, then one segment switch. */
async function hasWalArchive(run: CheckRun): Promise<boolean> {
  const { catalog, postgres } = run.scope;
  if (usesObjectStorage(catalog.layout)) return false;
  if (await catalog.hasWals()) return true;
  const { backups } = await catalog.listBackups();
  if (backups.some((backup) => backup.status === 'WAITING_FOR_WALS')) return true;
  await tryArchiving(run);
  if (await catalog.hasWals()) return true;
  if (postgres === null || !(await switchSegment(run))) return false;
  await waitForWal(run.scope, null, { timeoutSeconds: waitingTime(run.timeoutSeconds) });
  return catalog.hasWals();
}

/** An archive pass that fails is no reason to hide the other checks: its error goes to the log. */
async function tryArchiving(run: CheckRun): Promise<void> {
  try {
    await archiveWals(run.scope, { verbose: false });
  } catch (error) {
    if (!(error instanceof BarmanError) && errnoOf(error) === undefined) throw error;
    run.scope.log.named('barman.server').error(`Archiving for server '${run.scope.name}' failed: ${messageOf(error)}`);
  }
}

/** True when waiting makes sense: the segment was closed, or somebody else may close one (a standby). */
async function switchSegment(run: CheckRun): Promise<boolean> {
  const log = run.scope.log.named('barman.server');
  log.debug(
    'Could not find any archived or to-be-archived WALs during the check. ' +
      'Trying to switch a WAL and archive it as a last resort',
  );
  const target = run.scope.primary ?? run.scope.postgres;
  if (target === null) return false;
  try {
    if (await target.isInRecovery()) return true;
    if ((await target.hasBackupPrivileges()) === false) return false;
    await target.switchWal();
    return true;
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    log.debug(`Error issuing pg_switch_wal() command: ${error.message}`);
    return false;
  }
}

/** compat 3.20.1: a third of the limit in whole seconds, and a limit below 3 s is used up. null: until the check expires. */
function waitingTime(timeoutSeconds: number): number | null {
  if (timeoutSeconds === 0) return WAIT_WITHOUT_LIMIT;
  const third = Math.floor(timeoutSeconds / 3);
  return third === 0 ? null : third;
}
