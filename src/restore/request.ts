/** What a restore was asked to do: the options of the command, before anything was checked. */
import type { TargetAction, TargetTimeline } from '../domain/recovery/recovery-target.ts';

export interface RestoreRequest {
  /** As typed: an id, a name, a shortcut or `auto`. */
  readonly backupId: string;
  /** As typed. */
  readonly destination: string;
  readonly targetTime?: string | undefined;
  readonly targetXid?: string | undefined;
  readonly targetLsn?: string | undefined;
  readonly targetName?: string | undefined;
  readonly targetImmediate?: boolean | undefined;
  readonly targetTli?: TargetTimeline | undefined;
  readonly exclusive?: boolean | undefined;
  readonly targetAction?: TargetAction | undefined;
  readonly standbyMode?: boolean | undefined;
  /** `NAME:LOCATION` rules as typed. */
  readonly tablespace?: readonly string[] | undefined;
  readonly remoteSshCommand?: string | undefined;
  readonly stagingWalDirectory?: string | undefined;
  readonly partialWal?: boolean | undefined;
  readonly skipArchiveWal?: boolean | undefined;
  readonly networkCompression?: boolean | undefined;
  readonly recoveryStagingPath?: string | undefined;
  readonly localStagingPath?: string | undefined;
  readonly stagingPath?: string | undefined;
  readonly stagingLocation?: 'local' | 'remote' | undefined;
  readonly recoveryConfFilename?: string | undefined;
  readonly recoveryOptionPort?: string | undefined;
  readonly restoreCommand?: string | undefined;
  readonly snapshotRecoveryInstance?: string | undefined;
  /** recovery_options in force: configuration and command line. */
  readonly getWal: boolean;
  readonly deltaRestore: boolean;
}

/** The options that name a target, with the words Barman uses for them. */
export function givenTargets(request: RestoreRequest): readonly string[] {
  const given: [string, unknown][] = [
    ['target_time', request.targetTime],
    ['target_xid', request.targetXid],
    ['target_lsn', request.targetLsn],
    ['target_name', request.targetName],
    ['target_immediate', request.targetImmediate],
  ];
  return given.filter(([, value]) => value !== undefined && value !== false).map(([name]) => name);
}
