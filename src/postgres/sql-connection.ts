/** The SQL connection: a session and the questions. */
import { PostgresError } from '../domain/errors.ts';
import type { PostgresConnection, PostgresOptions } from './connections.ts';
import { startBackup, stopBackup } from './sql/backup-api.ts';
import { askBackupPrivileges, askMissingGrants, askMonitoringPrivileges, askSuperuser } from './sql/privileges.ts';
import { askBaseBackupProgress, askReplicationClients, askSlot } from './sql/replication.ts';
import { Session } from './sql/session.ts';
import { askClusterFacts, askSegmentSize, readStandbyNames, showSetting } from './sql/settings.ts';
import { askArchiverStatus, askStatus, askSystemId, askTextVersion } from './sql/status.ts';
import { askKeptWal } from './sql/wal-directory.ts';
import { askInRecovery, askWalPosition, switchSegment } from './sql/wal.ts';

/** What `application_name` becomes unless the string names one. */
const APPLICATION_NAME = 'barman';

/** Makes the connection object; nothing is opened, and pg is not loaded, before the first question. */
export function openPostgres(options: PostgresOptions): PostgresConnection {
  const { conninfo, env, log, signal } = options;
  const warn = (text: string) => log.warning(text);
  const session = new Session({ conninfo, env, warn, signal, replication: false, applicationName: APPLICATION_NAME });
  const orNull = async <T>(what: string, question: () => Promise<T>): Promise<T | null> => {
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof PostgresError)) throw error;
      log.debug(`Error retrieving PostgreSQL ${what}: ${error.message}`);
      return null;
    }
  };
  return {
    conninfo,
    query: (sql, parameters) => session.query(sql, parameters),
    pin: (onLost) => session.pin(onLost),
    unpin: () => session.unpin(),
    serverVersion: () => session.serverVersion(),
    serverTextVersion: () => askTextVersion(session),
    isInRecovery: () => askInRecovery(session),
    hasBackupPrivileges: () => askBackupPrivileges(session, log),
    hasMonitoringPrivileges: () => askMonitoringPrivileges(session, log),
    missingGrants: () => askMissingGrants(session),
    isSuperuser: () => askSuperuser(session, log),
    show: (name) => showSetting(session, name),
    walPosition: () => askWalPosition(session),
    switchWal: async () => switchSegment(session, await askBackupPrivileges(session, log)),
    checkpoint: async () => {
      await session.query('CHECKPOINT');
    },
    startBackup: (label, fast) => startBackup(session, label, fast),
    stopBackup: () => stopBackup(session),
    createRestorePoint: async (name) => {
      await session.query('SELECT pg_create_restore_point($1)', [name]);
    },
    clusterFacts: async () => askClusterFacts(session, await askBackupPrivileges(session, log)),
    slot: (name) => askSlot(session, name),
    keptWal: () => askKeptWal(session),
    systemId: () => orNull('system identifier', () => askSystemId(session)),
    segmentSize: () => orNull('segment size', () => askSegmentSize(session)),
    synchronousStandbyNames: async () => readStandbyNames(await showSetting(session, 'synchronous_standby_names')),
    replicationClients: async (target) =>
      askReplicationClients(session, target, await askMonitoringPrivileges(session, log)),
    baseBackupProgress: (applicationName) => askBaseBackupProgress(session, applicationName),
    status: (slotName) => askStatus(session, slotName, log),
    archiverStatus: () => askArchiverStatus(session, log),
    close: () => session.close(),
  };
}
