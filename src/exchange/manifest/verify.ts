/**
 * Is a backup still what its manifest says? By pg_verifybackup where it is installed, by our own reading elsewhere.
 * Source: docs/behaviour/cli.md 4.30, catalog.md 12.
 */
import { howItEnded } from '../../host/process/failure.ts';
import { run } from '../../host/process/run.ts';
import { dataPath } from '../../catalog/layout.ts';
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { type BackupLayout, layoutOf, obstacleTo } from '../../domain/backup/backup-layout.ts';
import { BackupError, CommandError } from '../../domain/errors.ts';
import { firstWith, has } from '../../domain/postgres-version.ts';
import { type ClientProgram, findClientProgram } from '../../postgres/client-programs.ts';
import type { CommandContext } from '../../server/context.ts';
import type { ServerScope } from '../../server/scope.ts';

/** Verifies one backup and reports the verdict; a failure is an error. */
export async function verifyBackup(scope: ServerScope, info: BackupInfo): Promise<void> {
  const { output } = scope;
  const directory = dataPath(scope.catalog.layout, info.backupId);
  const layout = layoutOf(info, scope.catalog.layout);
  const obstacle = obstacleTo('verify', layout, { backup: info.backupId, server: scope.name });
  if (obstacle !== null) return output.error(obstacle.words);
  output.info('Calling pg_verifybackup');
  const program = await findClientProgram(['pg_verifybackup'], scope.searchPath, scope.env);
  if (layout.format === 'tar' && (program === undefined || !has(program.version, 'verifiesTar'))) {
    return output.error(
      program === undefined
        ? 'pg_verifybackup not found'
        : `Verification of tar format backups requires pg_verifybackup from Postgres ${firstWith('verifiesTar')} or newer (found ${program.versionText})`,
    );
  }
  const complaints =
    program === undefined
      ? await verifyOurselves(scope, info, directory)
      : await callProgram(scope, program, layout, directory);
  if (complaints === null) return;
  output.error(`verify backup failure on directory '${directory}'`);
  output.error(complaints);
}

/** What pg_verifybackup prints on stderr; null when it is content, which is said in its own words. */
async function callProgram(
  ctx: CommandContext,
  program: ClientProgram,
  layout: BackupLayout,
  directory: string,
): Promise<string | null> {
  const args = ['-n', ...(layout.format === 'tar' ? ['-F', 'tar'] : []), directory];
  const result = await run(program.path, args, { env: ctx.env, signal: ctx.signal });
  ctx.signal.throwIfAborted();
  if (result.signal !== null) throw new CommandError(`pg_verifybackup ${howItEnded(result)}`);
  if (result.code !== 0) return result.stderr;
  if (result.stdout.trim() !== '') ctx.output.info(result.stdout.trim());
  return null;
}

async function verifyOurselves(scope: ServerScope, info: BackupInfo, directory: string): Promise<string | null> {
  scope.output.info('pg_verifybackup not found: comparing the files with the manifest without it');
  const { compareWithManifest } = await import('./compare.ts');
  let complaints: readonly string[];
  try {
    complaints = await compareWithManifest(scope, info, directory);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    complaints = [error.message];
  }
  if (complaints.length > 0) return complaints.map((text) => `pg_verifybackup: error: ${text}\n`).join('');
  scope.output.info('backup successfully verified');
  return null;
}
