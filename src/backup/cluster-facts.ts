/**
 * What every method asks PostgreSQL before it starts, and keeps in the record. Source: docs/behaviour/backup.md 2.2.
 */
import type { ClusterFacts, PostgresConnection } from '../postgres/connections.ts';
import { BackupError } from '../domain/errors.ts';
import { has } from '../domain/postgres-version.ts';
import type { ServerScope } from '../server/scope.ts';

/** @throws BackupError */
export function refuseOldServer({ version }: ClusterFacts): void {
  if (!has(version, 'backup')) throw new BackupError('Postgres version not supported');
}

/** @throws BackupError without a usable conninfo */
export function connectionOf(scope: ServerScope): PostgresConnection {
  if (scope.postgres === null) throw new BackupError(`Missing 'conninfo' parameter for server '${scope.name}'`);
  return scope.postgres;
}

/** What the record keeps of the cluster. */
export function recordedFacts(facts: ClusterFacts) {
  return {
    pgdata: facts.pgdata,
    version: facts.version,
    xlogSegmentSize: facts.segmentSize,
    tablespaces: facts.tablespaces.length > 0 ? facts.tablespaces : null,
    configFile: facts.configFile,
    hbaFile: facts.hbaFile,
    identFile: facts.identFile,
    includedFiles: facts.includedFiles.length > 0 ? facts.includedFiles : null,
    dataChecksums: facts.dataChecksums,
    summarizeWal: facts.summarizeWal,
    clusterSize: facts.clusterSize,
  };
}
