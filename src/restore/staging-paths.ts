/** The older options that name the places where a backup is made ready: each stage of a restore wants one of them. */
import type { ServerConfig } from '../config/options.ts';
import { type BackupLayout, type Stage, stagesOf } from '../domain/backup/backup-layout.ts';
import { RecoveryError } from '../domain/errors.ts';
import type { ServerScope } from '../server/scope.ts';
import type { RestoreRequest } from './request.ts';

interface Wanting {
  readonly path: 'localStagingPath' | 'recoveryStagingPath';
  /** What is said when it is not there. */
  readonly reason: (layout: BackupLayout) => string;
}

const WANTS: Readonly<Partial<Record<Stage, Wanting>>> = {
  decrypt: {
    path: 'localStagingPath',
    reason: ({ cipher }) =>
      `backup is encrypted with '${cipher}' and it will be decrypted in the barman host but no staging path and location was provided`,
  },
  unpack: {
    path: 'recoveryStagingPath',
    reason: ({ codec }) =>
      `backup is compressed with ${codec} compression and it will be decompressed in a staging area but no staging path was provided`,
  },
  combine: {
    path: 'localStagingPath',
    reason: () =>
      'backup has to be combined with pg_combinebackup in a staging area but no staging path and location was provided',
  },
};

const STAGING_TAIL =
  'Please set staging_path and staging_location in the server configuration file, or use their equivalent CLI options --staging-path and --staging-location';

/** Refuses when one of the two is given and the other one is wanted; says that they are deprecated. @throws RecoveryError */
export function checkStaging(scope: ServerScope, request: RestoreRequest, layout: BackupLayout): void {
  const config: ServerConfig = scope.config;
  const stages = stagesOf(layout);
  if (stages.length === 0 || (request.stagingPath ?? config.stagingPath) !== null) return;
  const pathFor = (option: Wanting['path']) => request[option] ?? config[option];
  if (pathFor('recoveryStagingPath') === null && pathFor('localStagingPath') === null) return;
  for (const stage of stages) {
    const want = WANTS[stage];
    if (want === undefined || pathFor(want.path) !== null) continue;
    throw new RecoveryError(
      `Cannot restore from backup '${request.backupId}' of server '${config.name}': ${want.reason(layout)}. ${STAGING_TAIL}`,
    );
  }
  scope.output.warning(
    'recovery_staging_path and local_staging_path, and their equivalent CLI options --recovery-staging-path and --local-staging-path, are deprecated and will be removed in a future release. Please use staging_path and staging_location, and their equivalent CLI options --staging-path and --staging-location, instead.',
  );
}
