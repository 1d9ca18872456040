/**
 * Everything that PostgreSQL and its client programs tell about a server, as show-servers, status and check use it.
 * Source: docs/behaviour/check.md 2.
 */
import type { StreamingConnection } from '../postgres/connections.ts';
import { PostgresError } from '../domain/errors.ts';
import { has, isOfReleaseOrLater, type PostgresFeature, type PostgresVersion } from '../domain/postgres-version.ts';
import { type ClientProgram, findClientProgram } from '../postgres/client-programs.ts';
import type { ServerScope } from './scope.ts';

/**
 * Values are texts, numbers, booleans, null, lists of texts, and a SlotState under `replication_slot`. `current_size` and
 * `current_archived_wals_per_second` are decimal texts; times read `2026-11-21 07:11:49.841100+00:00`.
 */
export type RemoteStatus = Readonly<Record<string, unknown>>;

const cache = new WeakMap<ServerScope, Promise<RemoteStatus>>();

/** Asks once per server object. What cannot be found out is null or absent, never an error. */
export function remoteStatus(scope: ServerScope): Promise<RemoteStatus> {
  let status = cache.get(scope);
  if (status === undefined) {
    status = gather(scope);
    cache.set(scope, status);
  }
  return status;
}

async function gather(scope: ServerScope): Promise<RemoteStatus> {
  if (!scope.role.asksPostgres) return {};
  const { config, postgres, streaming } = scope;
  // Two hosts and two programs: none waits for the others, except that one connection answers one question at a time.
  const [sql, replication, receiver, basebackup] = await Promise.all([
    askSql(scope),
    streaming?.remoteStatus() ?? {},
    config.streamingArchiver
      ? findClientProgram(['pg_receivewal', 'pg_receivexlog'], scope.searchPath, scope.env)
      : undefined,
    config.backupMethod === 'postgres' ? findClientProgram(['pg_basebackup'], scope.searchPath, scope.env) : undefined,
  ]);
  const version = await versionOfServer(streaming, replication);
  return {
    ...sql,
    ...replication,
    ...(config.streamingArchiver ? receiverStatus(receiver, version, config.streamingArchiverName, sql) : {}),
    ...(config.archiver ? ((await postgres?.archiverStatus()) ?? { archive_mode: null, archive_command: null }) : {}),
    ...(config.backupMethod === 'postgres' ? basebackupStatus(basebackup, version) : {}),
  };
}

async function askSql(scope: ServerScope): Promise<RemoteStatus> {
  return (await scope.postgres?.remoteStatus(scope.config.slotName)) ?? {};
}

/** null unless the replication connection answered: the client programs will use that one. */
async function versionOfServer(
  streaming: StreamingConnection | null,
  status: RemoteStatus,
): Promise<PostgresVersion | null> {
  if (streaming === null || status.streaming_supported !== true) return null;
  try {
    return await streaming.serverVersion();
  } catch (error) {
    if (error instanceof PostgresError) return null;
    throw error;
  }
}

function receiverStatus(
  program: ClientProgram | undefined,
  server: PostgresVersion | null,
  applicationName: string,
  sql: RemoteStatus,
): RemoteStatus {
  const compatible = isCompatible(program, server);
  const names = sql.synchronous_standby_names;
  const isSynchronous = Array.isArray(names) && (names.includes('*') || names.includes(applicationName));
  return {
    pg_receivexlog_compatible: compatible,
    pg_receivexlog_installed: program !== undefined,
    pg_receivexlog_path: program?.path ?? null,
    pg_receivexlog_supports_slots: compatible && can(program, 'receiveWithSlot'),
    pg_receivexlog_synchronous: compatible === null ? null : can(program, 'receiveSynchronously') && isSynchronous,
    pg_receivexlog_version: program?.versionText ?? null,
  };
}

function basebackupStatus(program: ClientProgram | undefined, server: PostgresVersion | null): RemoteStatus {
  return {
    pg_basebackup_bwlimit: program === undefined ? null : can(program, 'basebackupMapping'),
    pg_basebackup_compatible: isCompatible(program, server),
    pg_basebackup_installed: program !== undefined,
    pg_basebackup_path: program?.path ?? null,
    pg_basebackup_tbls_mapping: program === undefined ? null : can(program, 'basebackupMapping'),
    pg_basebackup_version: program?.versionText ?? null,
  };
}

function can(program: ClientProgram | undefined, feature: PostgresFeature): boolean {
  return program !== undefined && has(program.version, feature);
}

/** A client of an older major release cannot be trusted with this server. null: one of the two is not known. */
function isCompatible(program: ClientProgram | undefined, server: PostgresVersion | null): boolean | null {
  if (program === undefined || server === null) return null;
  const areJudged = can(program, 'judgedClient') && has(server, 'judgedClient');
  return areJudged && isOfReleaseOrLater(program.version, server);
}
