/** Is a file what its name says? Only as much of it is read as the answer needs. */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { type CompressionSettings, detectCompression } from '../../adapters/compression.ts';
import type { WalFile } from '../../domain/wal.ts';
import { identifyWal } from '../../domain/wal-content.ts';
import { type WalContent, type WalProblem, walProblem } from '../../domain/wal-header.ts';
import { glanceAtGzip, measurePlain, readHead, recogniseHead } from './content.ts';

export interface Examined {
  /** The algorithm it is compressed with; null when it is plain. */
  readonly compression: string | null;
  /** Encrypted by somebody else: it is stored as it is. */
  readonly isEncrypted: boolean;
  /** Why it cannot be archived under its name; null when nothing speaks against it. */
  readonly problem: WalProblem | null;
}

/** `systemId` of the cluster that the archive belongs to; null when it is not known. */
export async function examineWal(
  file: WalFile,
  handle: FileHandle,
  stats: BigIntStats,
  settings: CompressionSettings,
  systemId: string | null,
): Promise<Examined> {
  const size = Number(stats.size);
  const head = await readHead(handle);
  // Only segments have a content that can be told from its first bytes: a partial file is never looked into.
  if (file.kind === 'partial') return { compression: null, isEncrypted: false, problem: null };
  if (file.kind !== 'segment') {
    const compression = detectCompression(head, settings.customCompressionMagic);
    return { compression, isEncrypted: false, problem: walProblem(file, { size, head }, systemId) };
  }
  const compression = recogniseHead(head, settings);
  if (compression !== null) {
    const problem = await compressedProblem(file, handle, size, compression, settings, systemId);
    return { compression, isEncrypted: false, problem };
  }
  const problem = walProblem(file, { size, head }, systemId);
  const isEncrypted = problem !== null && identifyWal(head).encryption !== null;
  return { compression, isEncrypted, problem: isEncrypted ? null : problem };
}

async function compressedProblem(
  file: WalFile,
  handle: FileHandle,
  size: number,
  compression: string,
  settings: CompressionSettings,
  systemId: string | null,
): Promise<WalProblem | null> {
  // Other formats would have to be decompressed whole at every arrival.
  if (compression !== 'gzip') return null;
  const glance = await glanceAtGzip(handle, size);
  if (glance !== undefined && walProblem(file, glance, systemId) === null) return null;
  // Several gzip members in one file: the last four bytes tell the size of the last one only.
  return contentProblem(file, await measurePlain(handle, compression, settings), systemId);
}

/** The same for a content that was read to its end; undefined when it could not be. */
export function contentProblem(
  file: WalFile,
  content: WalContent | undefined,
  systemId: string | null,
): WalProblem | null {
  if (content === undefined) return { text: 'cannot be decompressed', mayGrow: true };
  return walProblem(file, content, systemId);
}
