/** What `barman backup` reports: nothing on the console, the whole record at the top level of the JSON document. */
import { JsonFloat } from '../json-float.ts';
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import type { Result } from '../output.ts';
import { recordJson } from './backup-record.ts';

/** Source: docs/behaviour/cli.md 6.8. */
export function backupResult(info: BackupInfo): Result {
  const { backupId, clusterSize } = info;
  return {
    console: () => [],
    json: () => ({
      backup_id: backupId,
      ...recordJson(info),
      // compat 3.20.1: the sum of pg_tablespace_size is a decimal there.
      cluster_size: clusterSize === null ? null : new JsonFloat(clusterSize),
    }),
  };
}
