/** What waits in `incoming` or `streaming`, and which of it this run takes. Source: docs/behaviour/wal.md 3. */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { compareBytes } from '../../host/files.ts';
import { errnoOf } from '../../domain/errors.ts';
import { parseWalName, type WalFile } from '../../domain/wal/wal.ts';

export type QueueKind = 'streaming' | 'file archival';

export interface Queue {
  readonly kind: QueueKind;
  readonly directory: string;
  /** Everything that was seen, hidden files left out. */
  readonly total: number;
  /** What to archive, in order. */
  readonly files: readonly WalFile[];
  /** Names that have no business here. */
  readonly unknown: readonly string[];
  /** `.partial` files that are archived because a newer one is there. */
  readonly stalePartials: readonly string[];
}

/** One scan of the directory; a missing one is empty. `batchSize` 0 means no limit. */
export async function scanQueue(kind: QueueKind, directory: string, batchSize: number): Promise<Queue> {
  const entries = (await readEntries(directory)).filter(({ name }) => !name.startsWith('.'));
  entries.sort((left, right) => compareBytes(left.name, right.name));
  const candidates = entries.filter(({ name }) => !name.endsWith('.tmp'));
  const { taken, stalePartials } =
    kind === 'streaming' ? takeStreamed(candidates, batchSize) : takeFirst(candidates, batchSize);
  const files: WalFile[] = [];
  const unknown: string[] = [];
  for (const entry of taken) {
    const file = entry.isFile() ? parseWalName(entry.name) : undefined;
    if (file) files.push(file);
    else unknown.push(entry.name);
  }
  return { kind, directory, total: entries.length, files, unknown, stalePartials };
}

async function readEntries(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

interface Taken {
  readonly taken: readonly Dirent[];
  readonly stalePartials: readonly string[];
}

function takeFirst(entries: readonly Dirent[], batchSize: number): Taken {
  return { taken: batchSize > 0 ? entries.slice(0, batchSize) : entries, stalePartials: [] };
}

/**
 * pg_receivewal is writing one of these: the last `.partial`, or the last file when there is none. Partial files before
 * the last one are what an earlier pg_receivewal left; they go after the complete files.
 * compat 3.20.1: the rule applies to the batch, so that a batch of N takes N-1 files; a batch of 1 takes none there, for
 * ever, and one here.
 */
function takeStreamed(entries: readonly Dirent[], batchSize: number): Taken {
  const batch = batchSize > 0 ? entries.slice(0, Math.max(batchSize, 2)) : entries;
  const isPartial = ({ name }: Dirent) => name.endsWith('.partial') && parseWalName(name) !== undefined;
  const isWal = (entry: Dirent) => entry.isFile() && parseWalName(entry.name) !== undefined;
  const partials = batch.filter((entry) => isPartial(entry) && entry.isFile());
  const stale = partials.slice(0, -1);
  const complete = batch.filter((entry) => isWal(entry) && !isPartial(entry));
  const finished = partials.length > 0 ? complete : complete.slice(0, -1);
  const strange = batch.filter((entry) => !isWal(entry));
  return { taken: [...finished, ...stale, ...strange], stalePartials: stale.map(({ name }) => name) };
}
