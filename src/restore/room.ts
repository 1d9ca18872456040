/** Is there room for what a restore is going to write? Asked before the first byte, of this host or of another one. */
import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Executor } from '../host/executor.ts';
import { RecoveryError } from '../domain/errors.ts';
import { prettySize } from '../domain/text/size.ts';

/** Bytes to be written below a directory, and where on this host they come from. */
export interface Demand {
  readonly directory: string;
  readonly source: string;
  readonly bytes: number;
}

export interface Room {
  /** Which filesystem it is: demands on one of them add up. */
  readonly filesystem: string;
  /** Bytes. */
  readonly free: number;
}

/** The filesystem that a demand would fill; null when it needs no room or nothing is known. */
export type RoomLookup = (demand: Demand) => Promise<Room | null>;

/** @throws RecoveryError when a filesystem cannot take what is to be written to it */
export async function checkRoom(demands: readonly Demand[], roomFor: RoomLookup = roomHere): Promise<void> {
  const sums = new Map<string, number>();
  for (const demand of demands) {
    const room = await roomFor(demand);
    if (room === null) continue;
    const sum = (sums.get(room.filesystem) ?? 0) + demand.bytes;
    sums.set(room.filesystem, sum);
    if (sum <= room.free) continue;
    throw new RecoveryError(
      `Not enough room in '${demand.directory}': the restore needs ${prettySize(sum)} and ${prettySize(room.free)} are free`,
      { hint: 'free some space or choose another destination' },
    );
  }
}

/** Filesystems that can share blocks between files: a copy within one may need no room. */
const SHARING_FILESYSTEMS: ReadonlySet<number> = new Set([0x9123683e, 0x58465342, 0xca451a4e]);

async function roomHere({ directory, source }: Demand): Promise<Room | null> {
  const place = await existingPart(directory);
  const [target, origin, facts] = await Promise.all([stat(place), stat(source), statfs(place)]);
  if (target.dev === origin.dev && SHARING_FILESYSTEMS.has(facts.type)) return null;
  return { filesystem: String(target.dev), free: facts.bavail * facts.bsize };
}

/** The directory itself or the nearest one above it that exists. */
async function existingPart(path: string): Promise<string> {
  return (await stat(path).catch(() => null)) !== null || dirname(path) === path ? path : existingPart(dirname(path));
}

const ASK_DF = 'p=$1; while [ ! -e "$p" ] && [ -n "$p" ]; do p=${p%/*}; done; LC_ALL=C df -Pk "${p:-/}"';

/** What df(1) says over there; a host without it is trusted to have room. */
export function roomOn(host: Executor): RoomLookup {
  return async ({ directory }) => {
    const { code, stdout } = await host.run(['sh', '-c', ASK_DF, 'sh', directory]);
    return code === 0 ? parseDf(stdout) : null;
  };
}

/**
 * The last line of `df -Pk`: device, 1024-byte blocks, used, available, capacity, mount point. null for a filesystem that
 * does not tell. Source: POSIX df, "STDOUT".
 */
export function parseDf(text: string): Room | null {
  const line = text.trimEnd().split('\n').at(-1) ?? '';
  const [, available, filesystem] = /\s\d+\s+\d+\s+(-?\d+)\s+\S+\s+(\/.*)$/.exec(line) ?? [];
  return filesystem === undefined ? null : { filesystem, free: Math.max(0, Number(available)) * 1024 };
}
