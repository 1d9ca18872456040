/** The two ways in for WAL, and what they refused. Source: docs/behaviour/check.md rows 26 to 28. */
import { opendir } from 'node:fs/promises';
import { methodOf } from '../config/methods.ts';
import { judgeRejects } from '../domain/check-verdicts.ts';
import { errnoOf } from '../domain/errors.ts';
import { formatTimestamp } from '../domain/time/timestamp.ts';
import { obstacleLine, type StreamObstacle } from '../domain/wal/stream-obstacle.ts';
import { checkClientProgram } from './client-program.ts';
import type { CheckRun } from './scope.ts';
import { holderOf } from '../server/locks.ts';
import { useWalConninfo } from '../server/wal-conninfo.ts';
import { withServer } from '../server/with-server.ts';
import { obstacleToStart } from '../wal/receive/start.ts';

export async function checkStreamingArchiver(run: CheckRun): Promise<void> {
  if (!run.scope.config.streamingArchiver) return;
  // The names stay those of PostgreSQL 9, whatever the program is called today: scripts match on them.
  await checkClientProgram(run, 'pg_receivexlog');
  await run.check('receive-wal running', async () => {
    if ((await holderOf(run.scope, 'receive')) !== undefined) return { ok: true };
    const obstacle = await obstacleToReceive(run);
    // compat 3.20.1: the log knows more, whatever the cause.
    return {
      ok: false,
      hint: obstacle === null ? 'See the Barman log file for more details' : obstacleLine(obstacle, run.scope.name),
    };
  });
}

/** Asked of the host that the WAL comes from. */
async function obstacleToReceive({ scope }: CheckRun): Promise<StreamObstacle | null> {
  const { server, note } = useWalConninfo(scope);
  if (note === null) return obstacleToStart(scope, await scope.status());
  return withServer(scope, server, async (host) => obstacleToStart(host, await host.status()), { offline: true });
}

export async function checkFileArchiver(run: CheckRun): Promise<void> {
  if (!run.scope.config.archiver) return;
  const { archiver } = await run.scope.status();
  if (archiver === null || archiver.mode === null) return;
  const { mode, command, statistics } = archiver;
  await run.check('archive_mode', () =>
    mode === 'on' || mode === 'always' ? { ok: true } : { ok: false, hint: "please set it to 'on' or 'always'" },
  );
  const isSet = await run.check('archive_command', () =>
    command !== null && command !== '' && command !== '(disabled)'
      ? { ok: true }
      : { ok: false, hint: 'please set it accordingly to documentation' },
  );
  // null: failures are on record and nothing was ever archived, PostgreSQL cannot tell. compat 3.20.1: no line.
  const isArchiving = statistics?.isArchiving ?? null;
  if (!isSet || isArchiving === null) return;
  await run.check('continuous archiving', () => ({ ok: isArchiving }));
}

/**
 * pg_basebackup ends when PostgreSQL has archived the last WAL of the backup, whoever it archives for: while that fails, a
 * backup waits for ever. `continuous archiving` says it where Barman is the archive and PostgreSQL can tell.
 */
export async function checkArchiverForBackup(run: CheckRun): Promise<void> {
  const { scope } = run;
  const { postgres } = scope;
  if (!methodOf(scope.config).streams || postgres === null) return;
  const { sql, archiver } = await scope.status();
  if (sql.versionText === null) return;
  const { mode, command, statistics } = archiver ?? (await postgres.archiverStatus());
  const isWaitedFor = mode === 'always' || (mode === 'on' && sql.isInRecovery === false);
  if (!isWaitedFor) return;
  if (command === '' && !scope.config.archiver) {
    await run.check('PostgreSQL archiver', async () => {
      const [row] = await postgres.query<{ library: string | null }>(
        "SELECT current_setting('archive_library', true) AS library",
      );
      return row?.library ? null : { ok: false, hint: `archive_command is not set: ${WAITING} is set` };
    });
    return;
  }
  if (statistics === null || statistics.failedCount === 0 || statistics.isArchiving === true) return;
  if (scope.config.archiver && statistics.isArchiving === false) return;
  const { lastFailedWal, lastFailedTime } = statistics;
  const when = lastFailedTime === null ? '' : ` at ${formatTimestamp(lastFailedTime)}`;
  const hint = `archive_command failed for ${lastFailedWal}${when}: ${WAITING} works again. Please see PostgreSQL's log`;
  await run.check('PostgreSQL archiver', () => ({ ok: false, hint }));
}

const WAITING = "archive_mode is 'on', and pg_basebackup would wait for ever unless it";

export async function checkRejects(run: CheckRun): Promise<void> {
  await run.check('archiver errors', async () => {
    const names: string[] = [];
    try {
      // Not sorted: the summary follows the order of the directory, as Barman's does.
      for await (const entry of await opendir(run.scope.config.errorsDirectory)) names.push(entry.name);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
    return judgeRejects(names);
  });
}
