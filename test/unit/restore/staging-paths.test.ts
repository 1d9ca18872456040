import { expect, it } from 'vitest';
import type { ServerConfig } from '../../../src/config/options.ts';
import { type BackupInfo, emptyBackupInfo } from '../../../src/domain/backup/backup-info.ts';
import { layoutOf } from '../../../src/domain/backup/backup-layout.ts';
import { parseLocation } from '../../../src/domain/location.ts';
import type { RestoreRequest } from '../../../src/restore/request.ts';
import { checkStaging } from '../../../src/restore/staging-paths.ts';
import type { ServerScope } from '../../../src/server/scope.ts';

const TAIL =
  'Please set staging_path and staging_location in the server configuration file, or use their equivalent CLI options --staging-path and --staging-location';
const PATHS = { stagingPath: null, localStagingPath: null, recoveryStagingPath: null };

/** What is said of a backup: the refusal, or how many warnings. */
function said(changes: Partial<BackupInfo>, paths: Partial<ServerConfig>): string | number {
  let warnings = 0;
  const config = { name: 'pg', ...PATHS, ...paths } as ServerConfig;
  const output = { warning: () => (warnings += 1) };
  const scope = { name: 'pg', config, output } as unknown as ServerScope;
  const info = { ...emptyBackupInfo('20261121T023540'), mode: 'postgres', ...changes };
  try {
    const layout = layoutOf(info, { base: parseLocation('/b'), wals: parseLocation('/w') });
    checkStaging(scope, { backupId: 'latest' } as RestoreRequest, layout);
  } catch (error) {
    return (error as Error).message;
  }
  return warnings;
}

const refused = (reason: string) => `Cannot restore from backup 'latest' of server 'pg': ${reason}. ${TAIL}`;
const LOCAL = { localStagingPath: '/s' };
const RECOVERY = { recoveryStagingPath: '/s' };

it.each([
  [{}, LOCAL, 0],
  [{ compression: 'gzip' }, {}, 0],
  [{ compression: 'gzip' }, RECOVERY, 1],
  [{ compression: 'gzip' }, { ...LOCAL, stagingPath: '/t' }, 0],
  [
    { compression: 'gzip' },
    LOCAL,
    refused(
      'backup is compressed with gzip compression and it will be decompressed in a staging area but no staging path was provided',
    ),
  ],
  [
    { compression: 'gzip', encryption: 'gpg' },
    RECOVERY,
    refused(
      "backup is encrypted with 'gpg' and it will be decrypted in the barman host but no staging path and location was provided",
    ),
  ],
  [
    { parentBackupId: '20261120T023540' },
    RECOVERY,
    refused(
      'backup has to be combined with pg_combinebackup in a staging area but no staging path and location was provided',
    ),
  ],
  [{ parentBackupId: '20261120T023540' }, LOCAL, 1],
])('%o with %o: %s', (changes, paths, answer) => expect(said(changes, paths)).toBe(answer));
