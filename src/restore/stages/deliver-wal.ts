/**
 * The chosen WAL files -> the directory from which PostgreSQL replays them. Source: docs/behaviour/recovery.md 4 step 9
 * and 7.
 */
import { constants } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { CodecSettings } from '../../codec/settings.ts';
import { copyFileDurably, createThrottle } from '../../host/copy-file.ts';
import { makeDirectory, openNoFollow, syncDirectory } from '../../host/files.ts';
import { systemReason } from '../../host/system-reason.ts';
import { RecoveryError } from '../../domain/errors.ts';
import { parseWalName } from '../../domain/wal/wal.ts';
import { isPlain } from '../../domain/wal/wal-content.ts';
import { inParallel } from '../../domain/in-parallel.ts';
import type { ServerScope } from '../../server/scope.ts';
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import { isForeignTo, refuseNeeded } from '../foreign-wal.ts';
import { expandWal } from './expand-wal.ts';
import type { NeededWal } from '../wal-plan.ts';

export interface WalDelivery {
  readonly info: BackupInfo;
  readonly directory: string;
  /** Bytes of one segment. */
  readonly segmentSize: number;
  readonly settings: CodecSettings;
  readonly signal: AbortSignal;
  readonly workers: number;
  readonly onBytes: (bytes: number) => void;
}

/** The directory for the files, 0700. @throws RecoveryError */
export async function prepareWalDirectory(directory: string): Promise<void> {
  try {
    await makeDirectory(directory, 0o700);
  } catch (error) {
    throw new RecoveryError(`unable to initialise WAL destination directory '${directory}': ${systemReason(error)}`, {
      cause: error,
    });
  }
}

/**
 * Puts every file there under its own name; all of them are on disk when the promise resolves. Returns those that were found
 * to be of another system, and are not there.
 * @throws RecoveryError also for such a one that the backup needs
 */
export async function deliverWals(
  scope: ServerScope,
  files: readonly NeededWal[],
  delivery: WalDelivery,
): Promise<ReadonlySet<string>> {
  const foreign = new Set<string>();
  const throttle = createThrottle(scope.config.bandwidthLimit);
  await inParallel(files, delivery.workers, async (file) => {
    delivery.signal.throwIfAborted();
    const target = join(delivery.directory, file.deliveredAs);
    try {
      if (isPlain(file)) {
        await copyFileDurably(file.path, target, file.size, {
          throttle,
          onBytes: delivery.onBytes,
          signal: delivery.signal,
        });
        return;
      }
      const expected = parseWalName(file.name)?.kind === 'segment' ? delivery.segmentSize : null;
      await expandWal(file, target, expected, delivery.settings, delivery.signal);
      delivery.onBytes(delivery.segmentSize);
      if (!(await isForeignTo(delivery.info, file.name, target))) return;
      await unlink(target);
      refuseNeeded(scope, delivery.info, file);
      foreign.add(file.name);
    } catch (error) {
      delivery.signal.throwIfAborted();
      if (error instanceof RecoveryError) throw error;
      throw new RecoveryError(
        `Failure copying WAL files: '${file.path}' to directory '${delivery.directory}': ${systemReason(error)}`,
        { cause: error },
      );
    }
  });
  await syncDirectory(delivery.directory);
  return foreign;
}

/** `archive_status`, and in it a `NAME.done` for each file that PostgreSQL must not archive once more. */
export async function writeArchiveStatus(directory: string, names: readonly string[]): Promise<void> {
  const status = join(directory, 'archive_status');
  await prepareWalDirectory(status);
  await inParallel(names, 4, async (name) => {
    const flags = constants.O_WRONLY | constants.O_CREAT;
    const handle = await openNoFollow(join(status, `${name}.done`), flags, 0o600);
    await handle.close();
  });
  await syncDirectory(status);
  await syncDirectory(directory);
}
