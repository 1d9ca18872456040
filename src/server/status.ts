/**
 * Everything that PostgreSQL and its client programs tell about a server, as show-servers, status and check use it.
 * Source: docs/behaviour/check.md 2.
 */
import type { StreamingConnection } from '../postgres/connections.ts';
import { PostgresError } from '../domain/errors.ts';
import { type ClientProgram, findClientProgram, majorOfNumber } from '../postgres/client-programs.ts';
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
  if (!scope.isActive || scope.isPassive) return {};
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
  const serverMajor = await majorOfServer(streaming, replication);
  return {
    ...sql,
    ...replication,
    ...(config.streamingArchiver ? receiverStatus(receiver, serverMajor, config.streamingArchiverName, sql) : {}),
    ...(config.archiver ? ((await postgres?.archiverStatus()) ?? { archive_mode: null, archive_command: null }) : {}),
    ...(config.backupMethod === 'postgres' ? basebackupStatus(basebackup, serverMajor) : {}),
  };
}

async function askSql(scope: ServerScope): Promise<RemoteStatus> {
  return (await scope.postgres?.remoteStatus(scope.config.slotName)) ?? {};
}

/** null unless the replication connection answered: the client programs will use that one. */
async function majorOfServer(streaming: StreamingConnection | null, status: RemoteStatus): Promise<number | null> {
  if (streaming === null || status.streaming_supported !== true) return null;
  try {
    return majorOfNumber(await streaming.serverVersion());
  } catch (error) {
    if (error instanceof PostgresError) return null;
    throw error;
  }
}

function receiverStatus(
  program: ClientProgram | undefined,
  serverMajor: number | null,
  applicationName: string,
  sql: RemoteStatus,
): RemoteStatus {
  const compatible = isCompatible(program, serverMajor);
  const names = sql.synchronous_standby_names;
  const isSynchronous = Array.isArray(names) && (names.includes('*') || names.includes(applicationName));
  return {
    pg_receivexlog_compatible: compatible,
    pg_receivexlog_installed: program !== undefined,
    pg_receivexlog_path: program?.path ?? null,
    pg_receivexlog_supports_slots: compatible && (program?.major ?? 0) >= 9.4,
    pg_receivexlog_synchronous: compatible === null ? null : (program?.major ?? 0) >= 9.5 && isSynchronous,
    pg_receivexlog_version: program?.version ?? null,
  };
}

function basebackupStatus(program: ClientProgram | undefined, serverMajor: number | null): RemoteStatus {
  return {
    pg_basebackup_bwlimit: program === undefined ? null : program.major >= 9.4,
    pg_basebackup_compatible: isCompatible(program, serverMajor),
    pg_basebackup_installed: program !== undefined,
    pg_basebackup_path: program?.path ?? null,
    pg_basebackup_tbls_mapping: program === undefined ? null : program.major >= 9.4,
    pg_basebackup_version: program?.version ?? null,
  };
}

/** A client of an older major release cannot be trusted with this server. null: one of the two is not known. */
function isCompatible(program: ClientProgram | undefined, serverMajor: number | null): boolean | null {
  if (program === undefined || serverMajor === null) return null;
  return program.major > 9.2 && serverMajor > 9.2 && program.major >= serverMajor;
}
