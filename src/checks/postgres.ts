/**
 * The connections of a server: SQL, replication, slot, and those of another WAL host.
 * Source: docs/behaviour/check.md rows 4 to 12.
 */
import { judgeSlot, judgeSystemId, type MaybeVerdict, type Verdict } from '../domain/check-verdicts.ts';
import { isSupported, NOT_ASKED, type ServerStatus } from '../server/server-status.ts';
import type { CheckRun } from './scope.ts';

const NO_BACKUP_RIGHTS: MaybeVerdict = {
  ok: false,
  name: 'no access to backup functions',
  hint: 'privileges for PostgreSQL backup functions are required (see documentation)',
};
const NO_MONITORING_RIGHTS: Verdict = {
  ok: false,
  name: 'no access to monitoring functions',
  hint: 'privileges for PostgreSQL monitoring functions are required (see documentation)',
};

export async function checkPostgres(run: CheckRun): Promise<void> {
  let status: ServerStatus = NOT_ASKED;
  const connected = await run.check('PostgreSQL', async () => {
    status = await run.scope.status();
    const { versionText } = status.sql;
    // compat 3.20.1: no reason.
    if (versionText === null) return { ok: false, hint: status.sql.connectionError ?? '' };
    if (isSupported(status) === false) {
      return {
        ok: false,
        hint: `unsupported version: PostgreSQL server is too old (${versionText} < 9.6.0)`,
      };
    }
    return { ok: true };
  });
  if (!connected) return;
  const { hasBackupPrivileges } = status.sql;
  if (hasBackupPrivileges !== null) {
    await run.check('superuser or standard user with backup privileges', () =>
      hasBackupPrivileges ? { ok: true } : NO_BACKUP_RIGHTS,
    );
    if (!hasBackupPrivileges) await checkGrants(run);
  }
  if (run.scope.streaming !== null) await checkStreaming(run, status, '');
  await checkWalLevel(run, status, '');
  if (run.scope.config.primaryConninfo !== null) await checkPrimary(run, status);
}

/** What a superuser has to type for this release of PostgreSQL. */
async function checkGrants(run: CheckRun): Promise<void> {
  await run.check('missing privileges', async () => {
    const { database, grants } = (await run.scope.postgres?.missingGrants()) ?? { database: '', grants: [] };
    if (grants.length === 0) return null;
    return { ok: false, hint: `please execute as a superuser in database ${database}: ${grants.join('; ')};` };
  });
}

/** Privileges, replication and identity of the connections that carry the WAL; `suffix` is part of every name. */
export async function checkWalStreaming(run: CheckRun, status: ServerStatus): Promise<void> {
  const suffix = ' (WAL streaming)';
  await run.check(`has monitoring privileges${suffix}`, () => {
    const { hasMonitoringPrivileges, connectionError } = status.sql;
    if (connectionError !== null) return { ...NO_MONITORING_RIGHTS, hint: connectionError };
    return hasMonitoringPrivileges === true ? { ok: true } : NO_MONITORING_RIGHTS;
  });
  await checkStreaming(run, status, suffix);
  if (status.sql.settings !== null) await checkWalLevel(run, status, suffix);
  await checkSystemId(run, status, suffix);
}

/** The slot that receive-wal reads from; `suffix` is ' (WAL streaming)' on another host. */
export async function checkSlot(run: CheckRun, status: ServerStatus, suffix: string): Promise<void> {
  const { config } = run.scope;
  const { slotName } = config;
  if (slotName === null) return;
  const needed = config.streamingArchiver;
  await run.check(`replication slot${suffix}`, () => {
    const { slot, reach } = status.sql;
    if (reach !== 'open') return needed ? unknownSlot(status) : null;
    return judgeSlot({ name: slotName, server: run.scope.name, needed }, slot);
  });
}

/** compat 3.20.1: it is said to be missing. */
export function unknownSlot({ sql }: ServerStatus): Verdict {
  return { ok: false, hint: `not known: ${sql.connectionError ?? 'PostgreSQL cannot be asked'}` };
}

/** The connections agree with each other and with the identity that the first backup wrote down. */
export async function checkSystemId(run: CheckRun, status: ServerStatus, suffix: string): Promise<void> {
  await run.check(`systemid coherence${suffix}`, async () => {
    const { catalog } = run.scope;
    return judgeSystemId({
      streaming: status.replication.identity?.systemid ?? null,
      sql: status.sql.systemId,
      stored: (await catalog.readIdentity())?.systemid ?? null,
      path: catalog.layout.identity,
    });
  });
}

export async function checkStreaming(run: CheckRun, status: ServerStatus, suffix: string): Promise<void> {
  await run.check(`PostgreSQL streaming${suffix}`, () => {
    const { reach, connectionError } = status.replication;
    return reach === 'open' ? { ok: true } : { ok: false, hint: connectionError ?? '' };
  });
  if (status.replication.connectionError?.includes('no password supplied')) await checkPassfile(run, suffix);
}

/** The file has the password of this role for a database, and streaming asks for no database. */
async function checkPassfile(run: CheckRun, suffix: string): Promise<void> {
  const { config, env } = run.scope;
  await run.check(`password file${suffix}`, async () => {
    const { missingReplicationLine } = await import('../postgres/libpq/passfile.ts');
    const missing = await missingReplicationLine(config.streamingConninfo ?? '', env);
    if (missing === undefined) return null;
    return {
      ok: false,
      hint: `'${missing.file}' has this user's password for another database only. Please add the line ${missing.line} for streaming`,
    };
  });
}

export async function checkWalLevel(run: CheckRun, status: ServerStatus, suffix: string): Promise<void> {
  await run.check(`wal_level${suffix}`, () =>
    status.sql.settings?.walLevel === 'minimal'
      ? { ok: false, hint: "please set it to a higher level than 'minimal'" }
      : { ok: true },
  );
}

async function checkPrimary(run: CheckRun, status: ServerStatus): Promise<void> {
  await run.check('PostgreSQL server is standby', () =>
    status.sql.isInRecovery === true
      ? { ok: true }
      : { ok: false, hint: 'conninfo should point to a standby server if primary_conninfo is set' },
  );
  // Ignored at the start because conninfo was no standby: there is nobody to ask.
  const { primary } = run.scope;
  if (primary === null) return;
  await run.check('Primary server is not a standby', async () =>
    (await primary.isInRecovery())
      ? { ok: false, hint: 'primary_conninfo should point to a primary server, not a standby' }
      : { ok: true },
  );
  await run.check('Primary and standby have same system ID', async () =>
    (await primary.systemId()) === status.sql.systemId
      ? { ok: true }
      : {
          ok: false,
          hint:
            'primary_conninfo and conninfo should point to primary and standby servers which share the same ' +
            'system identifier',
        },
  );
}
