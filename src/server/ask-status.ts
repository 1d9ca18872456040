/** Asks PostgreSQL and its client programs for the state of a server. Source: docs/behaviour/check.md 2. */
import { methodOf } from '../config/methods.ts';
import { has, isOfReleaseOrLater, type PostgresFeature, type PostgresVersion } from '../domain/postgres-version.ts';
import { type ClientProgram, findClientProgram } from '../postgres/client-programs.ts';
import type { SqlStatus } from '../postgres/status.ts';
import type { ServerScope } from './scope.ts';
import {
  type BaseBackupStatus,
  NOT_ASKED,
  type ProgramStatus,
  type ReceiverStatus,
  type ServerStatus,
} from './server-status.ts';

/** Asks anew: prefer `scope.status()`, which asks once. What cannot be found out is null, never an error. */
export async function askServerStatus(scope: ServerScope): Promise<ServerStatus> {
  if (!scope.role.asksPostgres) return NOT_ASKED;
  const { config, postgres, streaming } = scope;
  const find = (...names: string[]) => findClientProgram(names, scope.searchPath, scope.env);
  // Two hosts and two programs: none waits for the others, except that one connection answers one question at a time.
  const [sql, replication, receiver, baseBackup] = await Promise.all([
    postgres?.status(config.slotName) ?? NOT_ASKED.sql,
    streaming?.status() ?? NOT_ASKED.replication,
    config.streamingArchiver ? find('pg_receivewal', 'pg_receivexlog') : undefined,
    methodOf(config).streams ? find('pg_basebackup') : undefined,
  ]);
  // Of the replication connection: the client programs will use that one.
  const { version } = replication;
  return {
    sql,
    replication,
    receiver: config.streamingArchiver ? receiverStatus(receiver, version, config.streamingArchiverName, sql) : null,
    archiver: config.archiver
      ? ((await postgres?.archiverStatus()) ?? { mode: null, command: null, statistics: null })
      : null,
    baseBackup: methodOf(config).streams ? baseBackupStatus(baseBackup, version) : null,
  };
}

function receiverStatus(
  program: ClientProgram | undefined,
  server: PostgresVersion | null,
  applicationName: string,
  { synchronousStandbyNames: names }: SqlStatus,
): ReceiverStatus {
  const status = programStatus(program, server);
  const isStandby = names !== null && (names.includes('*') || names.includes(applicationName));
  return {
    ...status,
    supportsSlots: status.isCompatible && can(program, 'receiveWithSlot'),
    isSynchronous: status.isCompatible === null ? null : can(program, 'receiveSynchronously') && isStandby,
  };
}

function baseBackupStatus(program: ClientProgram | undefined, server: PostgresVersion | null): BaseBackupStatus {
  const isMapping = program === undefined ? null : can(program, 'basebackupMapping');
  return { ...programStatus(program, server), limitsBandwidth: isMapping, mapsTablespaces: isMapping };
}

function programStatus(program: ClientProgram | undefined, server: PostgresVersion | null): ProgramStatus {
  if (program === undefined || server === null) return { program: program ?? null, isCompatible: null };
  const areJudged = can(program, 'judgedClient') && has(server, 'judgedClient');
  return { program, isCompatible: areJudged && isOfReleaseOrLater(program.version, server) };
}

function can(program: ClientProgram | undefined, feature: PostgresFeature): boolean {
  return program !== undefined && has(program.version, feature);
}
