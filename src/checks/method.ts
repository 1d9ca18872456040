/** What the backup method needs. Source: docs/behaviour/check.md 1.3. */
import { stat } from 'node:fs/promises';
import type { SshExecutor } from '../host/executor/openssh.ts';
import type { Command } from '../host/executor.ts';
import { type MethodNeed, methodOf } from '../config/methods.ts';
import { isCopyDone } from '../domain/backup/backup-info.ts';
import { CommandError, messageOf } from '../domain/errors.ts';
import { has, majorText } from '../domain/postgres-version.ts';
import { hostCommand } from '../domain/server-role.ts';
import { isSupported } from '../server/server-status.ts';
import { checkClientProgram } from './client-program.ts';
import type { CheckRun } from './scope.ts';

const CHECKS: Readonly<Record<MethodNeed, (run: CheckRun) => Promise<void>>> = {
  pg_basebackup: checkPgBasebackup,
  ssh: checkSsh,
  'local PGDATA': checkLocalPgdata,
  strategy: checkStrategy,
};

export async function checkMethod(run: CheckRun): Promise<void> {
  const { config, role } = run.scope;
  if (role.reaches === 'Barman primary node') return checkSsh(run);
  if (role.reaches === null) return;
  const { needs, mode } = methodOf(config);
  for (const need of needs) await CHECKS[need](run);
  if (mode !== null) return;
  const hint = `backup_method = ${config.backupMethod} is not supported yet`;
  await run.check('backup method', () => ({ ok: false, hint }));
}

async function checkPgBasebackup(run: CheckRun): Promise<void> {
  await checkClientProgram(run, 'pg_basebackup');
  const { sql, baseBackup } = await run.scope.status();
  if (sql.versionText === null) return;
  await run.check('pg_basebackup supports tablespaces mapping', async () => {
    if (baseBackup?.mapsTablespaces === true) return { ok: true };
    const tablespaces = (await run.scope.postgres?.clusterFacts())?.tablespaces ?? [];
    return { ok: tablespaces.length === 0, hint: 'pg_basebackup 9.4 or higher is required for tablespaces support' };
  });
}

/** Runs `true` over there by the administrator's command. */
async function checkSsh(run: CheckRun): Promise<void> {
  const command = hostCommand(run.scope.config);
  const hint = run.scope.role.reaches ?? '';
  // A server without ssh_command is disabled, which `configuration` reports.
  if (command === null || command.trim() === '') return;
  let output = '';
  const works = await run.check('ssh', async () => {
    const host = await run.scope.remoteHost();
    const { code, text } = await runRemote(run, host, ['true']);
    output = text;
    if (code === '0') return { ok: true, hint };
    return { ok: false, hint: `Connection failed using '${host.shown}' return code ${code}` };
  });
  if (!works) return;
  await run.check('ssh output clean', () =>
    output === ''
      ? null
      : { ok: false, hint: 'the configured ssh_command must not add anything to the remote command output' },
  );
  if (run.scope.role.asksPostgres) await checkLeftLabel(run, await run.scope.remoteHost());
}

/** A stopped PostgreSQL with a backup_label in PGDATA: it may refuse to start. */
async function checkLeftLabel(run: CheckRun, host: SshExecutor): Promise<void> {
  const { sql } = await run.scope.status();
  if (sql.versionText !== null) return;
  await run.check('backup_label', async () => {
    const { backups } = await run.scope.catalog.listBackups();
    const pgdata = backups.findLast(isCopyDone)?.pgdata;
    // The path comes out of a file.
    if (!pgdata?.startsWith('/')) return null;
    const { code } = await runRemote(run, host, ['test', '-e', `${pgdata}/backup_label`]);
    if (code !== '0') return null;
    return { ok: false, hint: "Check that the PostgreSQL server is up and no 'backup_label' file is in PGDATA." };
  });
}

interface RemoteAnswer {
  /** Exit code, or the name of the signal. */
  readonly code: string;
  readonly text: string;
}

async function runRemote(run: CheckRun, host: SshExecutor, remote: Command): Promise<RemoteAnswer> {
  try {
    const { code, signal, stdout, stderr } = await host.run(remote, { signal: run.signal });
    return { code: String(code ?? signal), text: stdout + stderr };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    run.scope.log.named('Command').warning(error.message);
    return { code: COMMAND_NOT_FOUND, text: '' };
  }
}

/** What a shell says of a program that it cannot find. */
const COMMAND_NOT_FOUND = '127';

/** The directory itself must be there and readable. The reference says OK to a missing one and dies when PostgreSQL is down. */
async function checkLocalPgdata(run: CheckRun): Promise<void> {
  await run.check('local PGDATA', async () => {
    const pgdata = (await run.scope.status()).sql.dataDirectory;
    if (pgdata === null) return { ok: false, hint: 'PostgreSQL does not tell its data directory' };
    try {
      await stat(`${pgdata}/PG_VERSION`);
      return { ok: true, hint: 'Access to local PGDATA' };
    } catch (error) {
      return { ok: false, hint: messageOf(error) };
    }
  });
}

/** The backup API in use: concurrent, or the exclusive one that ended with PostgreSQL 14. */
async function checkStrategy(run: CheckRun): Promise<void> {
  const status = await run.scope.status();
  const { versionText, version, isInRecovery } = status.sql;
  if (!run.scope.config.backupOptions.has('exclusive_backup')) {
    await run.check('postgres minimal version', () =>
      isSupported(status) === false && versionText !== null
        ? {
            ok: false,
            hint: `unsupported PostgresSQL version ${versionText}. Expecting 9.6.0 or above.`,
          }
        : null,
    );
    return;
  }
  await run.check('not in recovery', () =>
    isInRecovery === true ? { ok: false, hint: 'cannot perform exclusive backup on a standby' } : { ok: true },
  );
  await run.check('exclusive backup supported', () => {
    if (version === null) return { ok: false, hint: 'unable to determine postgres version' };
    if (has(version, 'exclusiveBackup')) return { ok: true };
    return { ok: false, hint: `exclusive backups not supported on PostgreSQL ${majorText(version)}` };
  });
}
