/** Files that are not archived go to the errors directory, never over another one. Source: docs/behaviour/wal.md 3. */
import { copyFile, lstat, rename, unlink } from 'node:fs/promises';
import { constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { exists, makeDirectory, syncDirectory, syncFile } from '../../host/files.ts';
import { compactText, utcReading } from '../../domain/time/civil-time.ts';
import { errnoOf, WalError } from '../../domain/errors.ts';

export type RejectReason = 'duplicate' | 'unknown';

/** What the name of a file in the errors directory says. */
export interface RejectedName {
  /** Its name when it was rejected: anything at all. */
  readonly name: string;
  /** `YYYYMMDDThhmmssZ`. */
  readonly stamp: string;
  /** `error` comes from old releases of Barman. */
  readonly reason: RejectReason | 'error';
}

/** undefined for a name that the archiver did not give. */
export function parseRejectedName(text: string): RejectedName | undefined {
  const [, name, stamp, reason] = /^(.+)\.(\d{8}T\d{6}Z)\.(duplicate|unknown|error)$/s.exec(text) ?? [];
  if (name === undefined || stamp === undefined) return undefined;
  return { name, stamp, reason: reason as RejectedName['reason'] };
}

/**
 * Moves `path` to `<errors>/<name>.<UTC time>.<reason>` and returns that path. compat 3.20.1: a second one of the same
 * name within a second overwrites the first there; here it gets the next free second.
 */
export async function moveToErrors(
  errorsDirectory: string,
  path: string,
  name: string,
  reason: RejectReason,
  now: Date,
): Promise<string> {
  await makeDirectory(errorsDirectory);
  const target = await freeName(errorsDirectory, name, reason, now);
  try {
    await rename(path, target);
  } catch (error) {
    if (errnoOf(error) !== 'EXDEV') throw error;
    await moveAcross(path, target);
  }
  await syncDirectory(errorsDirectory);
  await syncDirectory(dirname(path));
  return target;
}

async function freeName(directory: string, name: string, reason: RejectReason, now: Date): Promise<string> {
  for (let time = now.getTime(); ; time += 1_000) {
    const target = join(directory, `${name}.${compactText(utcReading(new Date(time)))}Z.${reason}`);
    if (!(await exists(target))) return target;
  }
}

/** The errors directory is on another filesystem. */
async function moveAcross(path: string, target: string): Promise<void> {
  if (!(await lstat(path)).isFile()) {
    throw new WalError(`'${path}' cannot be moved to '${target}': it is on another filesystem and no regular file`, {
      hint: 'remove it by hand',
    });
  }
  const temporary = `${target}.tmp`;
  await copyFile(path, temporary, constants.COPYFILE_FICLONE);
  await syncFile(temporary);
  await rename(temporary, target);
  await syncDirectory(dirname(target));
  await unlink(path);
}
