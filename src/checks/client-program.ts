/**
 * A client program of PostgreSQL: is it there, and does it go with the server?
 * Source: docs/behaviour/check.md 1.3 and row 26.
 */
import { pythonText } from '../output/python-text.ts';
import type { CheckRun } from './scope.ts';

/** Two lines: NAME and `NAME compatible`. `cure` says what to do where there is none; Barman's check says nothing. */
export async function checkClientProgram(
  run: CheckRun,
  program: 'pg_basebackup' | 'pg_receivexlog',
  cure?: string,
): Promise<void> {
  const status = await run.status();
  const isInstalled = status[`${program}_installed`] === true;
  await run.check(program, () => (isInstalled || cure === undefined ? { ok: isInstalled } : { ok: false, hint: cure }));
  await run.check(`${program} compatible`, () => {
    if (status[`${program}_compatible`] === true) return { ok: true };
    const unknownProgram = program === 'pg_basebackup' ? 'Unknown' : 'None';
    const version = status[`${program}_version`] ?? unknownProgram;
    return {
      ok: false,
      hint: `PostgreSQL version: ${serverVersion(run, status)}, ${program} version: ${pythonText(version)}`,
    };
  });
}

function serverVersion(run: CheckRun, status: Readonly<Record<string, unknown>>): string {
  if (run.scope.streaming === null) return 'Unknown';
  return status.streaming_supported === true ? pythonText(status.server_txt_version) : 'None';
}
