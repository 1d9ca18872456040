/** A client program of PostgreSQL: is it there, and does it go with the server? Source: spec check.md 1.3 and row 26. */
import { pythonText } from '../output/python-text.ts';
import type { CheckScope } from './scope.ts';

/** Two lines: NAME and `NAME compatible`. `cure` says what to do where there is none; Barman's check says nothing. */
export async function checkClientProgram(
  scope: CheckScope,
  program: 'pg_basebackup' | 'pg_receivexlog',
  cure?: string,
): Promise<void> {
  const status = await scope.status();
  const isInstalled = status[`${program}_installed`] === true;
  await scope.check(program, () =>
    isInstalled || cure === undefined ? { ok: isInstalled } : { ok: false, hint: cure },
  );
  await scope.check(`${program} compatible`, () => {
    if (status[`${program}_compatible`] === true) return { ok: true };
    const unknownProgram = program === 'pg_basebackup' ? 'Unknown' : 'None';
    const version = status[`${program}_version`] ?? unknownProgram;
    return {
      ok: false,
      hint: `PostgreSQL version: ${serverVersion(scope, status)}, ${program} version: ${pythonText(version)}`,
    };
  });
}

function serverVersion(scope: CheckScope, status: Readonly<Record<string, unknown>>): string {
  if (scope.server.streaming === null) return 'Unknown';
  return status.streaming_supported === true ? pythonText(status.server_txt_version) : 'None';
}
