/** What the role of the conninfo may do. Source: docs/behaviour/check.md 2. */
import { PostgresError } from '../../domain/errors.ts';
import type { MissingGrants, PostgresLog } from '../connections.ts';
import { has, type PostgresVersion } from '../../domain/postgres-version.ts';
import { dialectOf } from './dialect.ts';
import type { Session } from './session.ts';

const MONITORING = `(pg_has_role(CURRENT_USER, 'pg_monitor', 'USAGE')
  OR (pg_has_role(CURRENT_USER, 'pg_read_all_settings', 'USAGE') AND pg_has_role(CURRENT_USER, 'pg_read_all_stats', 'USAGE')))`;

/** A superuser, or a monitoring role that may also call the functions of a backup; null when it cannot be told. */
export async function askBackupPrivileges(session: Session, log: PostgresLog): Promise<boolean | null> {
  return askUser(session, log, 'backup privileges', (version) => {
    if (!has(version, 'monitoringRoles')) return 'usesuper';
    const { startBackup, stopBackup, switchWal } = dialectOf(version);
    const stop = stopBackup.map(mayExecute).join(' OR ');
    const all = [startBackup, `${switchWal}()`, 'pg_create_restore_point(text)'].map(mayExecute);
    return `usesuper OR (${MONITORING} AND ${all.join(' AND ')} AND (${stop}))`;
  });
}

/** The statements that would give the role what askBackupPrivileges misses, and the database in which they count. */
export async function askMissingGrants(session: Session): Promise<MissingGrants> {
  const version = await session.serverVersion();
  // It takes a superuser before.
  if (!has(version, 'monitoringRoles')) return { database: '', grants: [] };
  const { startBackup, stopBackup, switchWal } = dialectOf(version);
  // Every stop function but the last one is for exclusive backups alone.
  const functions = [startBackup, stopBackup.at(-1) ?? '', `${switchWal}()`, 'pg_create_restore_point(text)'];
  const answers = functions.map((signature, index) => `${mayExecute(signature)} AS may_${index}`).join(', ');
  const [row] = await session.query<Record<string, string | boolean>>(
    `SELECT quote_ident(CURRENT_USER) AS role, quote_ident(current_database()) AS database, ${MONITORING} AS monitors, ${answers}`,
  );
  if (row === undefined) return { database: '', grants: [] };
  const missing = functions.filter((_, index) => row[`may_${index}`] === false);
  return {
    database: String(row.database),
    grants: [
      ...(row.monitors === false ? [`GRANT pg_monitor TO ${row.role}`] : []),
      ...missing.map((signature) => `GRANT EXECUTE ON FUNCTION ${signature} TO ${row.role}`),
    ],
  };
}

/** A superuser or a monitoring role; null when it cannot be told. */
export async function askMonitoringPrivileges(session: Session, log: PostgresLog): Promise<boolean | null> {
  const condition = (version: PostgresVersion) =>
    has(version, 'monitoringRoles') ? `usesuper OR ${MONITORING}` : 'usesuper';
  return askUser(session, log, 'monitoring privileges', condition);
}

export async function askSuperuser(session: Session, log: PostgresLog): Promise<boolean | null> {
  return askUser(session, log, 'superuser status', () => 'usesuper');
}

/** The reference's error for a role that lacks something. */
export async function missingPrivileges(session: Session): Promise<PostgresError> {
  const user = await session.user();
  return new PostgresError(
    `Postgres user '${user}' is missing required privileges (see "Pre-requisites" section in the Barman documentation)`,
    { level: 'exception' },
  );
}

function mayExecute(signature: string): string {
  return `has_function_privilege(CURRENT_USER, '${signature}', 'EXECUTE')`;
}

async function askUser(
  session: Session,
  log: PostgresLog,
  what: string,
  condition: (version: PostgresVersion) => string,
): Promise<boolean | null> {
  try {
    const sql = `SELECT ${condition(await session.serverVersion())} AS answer FROM pg_user WHERE usename = CURRENT_USER`;
    const [row] = await session.query<{ answer: boolean }>(sql);
    return row?.answer ?? null;
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    log.debug(`Error retrieving PostgreSQL ${what}: ${error.message}`);
    return null;
  }
}
