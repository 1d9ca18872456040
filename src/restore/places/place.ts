/**
 * Where a restore writes. The steps that make small files (settings, signals, WAL, the record) always work on a directory
 * of this host: the destination itself, or a stand-in whose content then goes to the other host.
 */
import { readFile } from 'node:fs/promises';
import { exists } from '../../host/files.ts';
import { checkDestinations } from '../destinations.ts';
import { copyBaseBackup, prepareDestinations } from '../base-backup.ts';
import { releaseControlFile } from '../control-file.ts';
import type { BaseBackup } from '../stages/base.ts';
import { safeHorizon } from '../stages/delta.ts';
import type { RecoveryPlan } from '../plan.ts';
import type { Demand } from '../room.ts';
import type { ServerScope } from '../../server/scope.ts';

export interface RestorePlace {
  readonly kind: 'local' | 'remote';
  /** The plan as the steps on this host see it: its destination is a directory here. */
  readonly plan: RecoveryPlan;
  /** Refuses what must not be written to. @throws RecoveryError */
  check(stagingWalDirectory: string | null): Promise<void>;
  /** Proves that there is room, makes the directories. @throws RecoveryError */
  prepare(base: BaseBackup, wal: Demand | null): Promise<void>;
  /** The directory here whose files end up in `walDirectory`. */
  walDirectory(walDirectory: string): string;
  copyBaseBackup(base: BaseBackup): Promise<void>;
  /** Makes it a cluster: everything is durable, then pg_control gets its name. */
  publish(): Promise<void>;
}

export function localPlace(scope: ServerScope, plan: RecoveryPlan): RestorePlace {
  let horizon: number | null = null;
  return {
    kind: 'local',
    plan,
    check: (staging) => checkDestinations(plan, scope.configuration.servers.values(), staging),
    prepare: async (base, wal) => {
      await prepareDestinations(plan, [...base.demands, ...(wal ? [wal] : [])]);
      const readRecord = async (path: string) => ((await exists(path)) ? readFile(path, 'utf8') : null);
      horizon = await safeHorizon(scope, plan, readRecord);
    },
    walDirectory: (walDirectory) => walDirectory,
    copyBaseBackup: (base) => copyBaseBackup(scope, plan, base, horizon),
    publish: () => releaseControlFile(scope, plan),
  };
}
