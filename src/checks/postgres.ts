/** The connections of a server: SQL, replication, slot, and those of another WAL host. Source: spec check.md rows 4 to 12. */
import { judgeSlot, judgeSystemId, type MaybeVerdict } from '../domain/check-verdicts.ts';
import { pythonText } from '../output/python-text.ts';
import type { RemoteStatus } from '../server/status.ts';
import type { CheckScope } from './scope.ts';

const NO_BACKUP_RIGHTS: MaybeVerdict = {
  ok: false,
  name: 'no access to backup functions',
  hint: 'privileges for PostgreSQL backup functions are required (see documentation)',
};
const NO_MONITORING_RIGHTS: MaybeVerdict = {
  ok: false,
  name: 'no access to monitoring functions',
  hint: 'privileges for PostgreSQL monitoring functions are required (see documentation)',
};

export async function checkPostgres(scope: CheckScope): Promise<void> {
  let status: RemoteStatus = {};
  const connected = await scope.check('PostgreSQL', async () => {
    status = await scope.status();
    if (status.server_txt_version == null) return { ok: false };
    if (status.version_supported === false) {
      return {
        ok: false,
        hint: `unsupported version: PostgreSQL server is too old (${pythonText(status.server_txt_version)} < 9.6.0)`,
      };
    }
    return { ok: true };
  });
  if (!connected) return;
  if (status.has_backup_privileges != null) {
    await scope.check('superuser or standard user with backup privileges', () =>
      status.has_backup_privileges === true ? { ok: true } : NO_BACKUP_RIGHTS,
    );
  }
  if (scope.server.streaming !== null) await checkStreaming(scope, status, '');
  await checkWalLevel(scope, status, '');
  if (scope.server.config.primaryConninfo !== null) await checkPrimary(scope, status);
}

/** Privileges, replication and identity of the connections that carry the WAL; `suffix` is part of every name. */
export async function checkWalStreaming(scope: CheckScope, status: RemoteStatus): Promise<void> {
  const suffix = ' (WAL streaming)';
  await scope.check(`has monitoring privileges${suffix}`, () =>
    status.has_monitoring_privileges === true ? { ok: true } : NO_MONITORING_RIGHTS,
  );
  await checkStreaming(scope, status, suffix);
  if (status.wal_level != null) await checkWalLevel(scope, status, suffix);
  await checkSystemId(scope, status, suffix);
}

/** The slot that receive-wal reads from; `suffix` is ' (WAL streaming)' on another host. */
export async function checkSlot(scope: CheckScope, status: RemoteStatus, suffix: string): Promise<void> {
  const { config } = scope.server;
  const { slotName } = config;
  if (slotName === null) return;
  await scope.check(`replication slot${suffix}`, () => {
    const state = status.replication_slot as { active?: unknown; restartLsn?: unknown } | null | undefined;
    return judgeSlot(
      { name: slotName, server: scope.server.name, needed: config.streamingArchiver },
      state == null ? null : { active: state.active === true, hasRestartLsn: state.restartLsn != null },
    );
  });
}

/** The connections agree with each other and with the identity that the first backup wrote down. */
export async function checkSystemId(scope: CheckScope, status: RemoteStatus, suffix: string): Promise<void> {
  await scope.check(`systemid coherence${suffix}`, async () => {
    const { catalog } = scope.server;
    return judgeSystemId({
      streaming: textOrNull(status.streaming_systemid),
      sql: textOrNull(status.postgres_systemid),
      stored: (await catalog.readIdentity())?.systemid ?? null,
      path: catalog.layout.identity,
    });
  });
}

export async function checkStreaming(scope: CheckScope, status: RemoteStatus, suffix: string): Promise<void> {
  await scope.check(`PostgreSQL streaming${suffix}`, () => {
    if (status.streaming === true) return { ok: true };
    return { ok: false, hint: textOrNull(status.connection_error) ?? '' };
  });
}

export async function checkWalLevel(scope: CheckScope, status: RemoteStatus, suffix: string): Promise<void> {
  await scope.check(`wal_level${suffix}`, () =>
    status.wal_level === 'minimal'
      ? { ok: false, hint: "please set it to a higher level than 'minimal'" }
      : { ok: true },
  );
}

async function checkPrimary(scope: CheckScope, status: RemoteStatus): Promise<void> {
  await scope.check('PostgreSQL server is standby', () =>
    status.is_in_recovery === true
      ? { ok: true }
      : { ok: false, hint: 'conninfo should point to a standby server if primary_conninfo is set' },
  );
  // Ignored at the start because conninfo was no standby: there is nobody to ask.
  const { primary } = scope.server;
  if (primary === null) return;
  await scope.check('Primary server is not a standby', async () =>
    (await primary.isInRecovery())
      ? { ok: false, hint: 'primary_conninfo should point to a primary server, not a standby' }
      : { ok: true },
  );
  await scope.check('Primary and standby have same system ID', async () =>
    (await primary.systemId()) === textOrNull(status.postgres_systemid)
      ? { ok: true }
      : {
          ok: false,
          hint:
            'primary_conninfo and conninfo should point to primary and standby servers which share the same ' +
            'system identifier',
        },
  );
}

function textOrNull(value: unknown): string | null {
  return value == null ? null : pythonText(value);
}
