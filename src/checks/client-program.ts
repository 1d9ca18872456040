/**
 * A client program of PostgreSQL: is it there, and does it go with the server?
 * Source: docs/behaviour/check.md 1.3 and row 26.
 */
import type { ServerStatus } from '../server/server-status.ts';
import type { CheckRun } from './scope.ts';

/** Two lines: NAME and `NAME compatible`. `cure` says what to do where there is none; Barman's check says nothing. */
export async function checkClientProgram(
  run: CheckRun,
  program: 'pg_basebackup' | 'pg_receivexlog',
  cure?: string,
): Promise<void> {
  const status = await run.scope.status();
  const state = program === 'pg_basebackup' ? status.baseBackup : status.receiver;
  const found = state?.program ?? null;
  const isInstalled = found !== null;
  await run.check(program, () => (isInstalled || cure === undefined ? { ok: isInstalled } : { ok: false, hint: cure }));
  await run.check(`${program} compatible`, () => {
    if (state?.isCompatible === true) return { ok: true };
    const version = found?.versionText ?? (program === 'pg_basebackup' ? 'Unknown' : 'None');
    return { ok: false, hint: `PostgreSQL version: ${serverVersion(status)}, ${program} version: ${version}` };
  });
}

function serverVersion({ sql, replication }: ServerStatus): string {
  if (replication.reach === 'none') return 'Unknown';
  return replication.reach === 'open' ? (sql.versionText ?? 'None') : 'None';
}
