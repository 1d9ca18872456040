/** Is a file what its name says? Only as much of it is read as the answer needs. */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { CodecSettings } from '../../codec/settings.ts';
import type { WalFile } from '../../domain/wal/wal.ts';
import { detectForm, type StoredForm } from '../../domain/wal/wal-content.ts';
import { type WalContent, type WalProblem, walProblem } from '../../domain/wal/wal-header.ts';
import { glanceAtGzip, measurePlain, readHead, recogniseHead } from './content.ts';

/** What an encrypted file is compressed with cannot be told: null. */
export interface Examined extends StoredForm {
  /** Why it cannot be archived under its name; null when nothing speaks against it. */
  readonly problem: WalProblem | null;
}

/** `systemId` of the cluster that the archive belongs to; null when it is not known. */
export async function examineWal(
  file: WalFile,
  handle: FileHandle,
  stats: BigIntStats,
  settings: CodecSettings,
  systemId: string | null,
): Promise<Examined> {
  const size = Number(stats.size);
  const head = await readHead(handle);
  // Only segments have a content that can be told from its first bytes: a partial file is never looked into.
  if (file.kind === 'partial') return { ...detectForm(head, settings.customCompressionMagic), problem: null };
  if (file.kind !== 'segment') {
    return {
      ...detectForm(head, settings.customCompressionMagic),
      problem: walProblem(file, { size, head }, systemId),
    };
  }
  const form = recogniseHead(head, settings);
  if (form.encryption !== null) return { ...form, problem: null };
  if (form.compression === null) return { ...form, problem: walProblem(file, { size, head }, systemId) };
  return { ...form, problem: await compressedProblem(file, handle, size, form, settings, systemId) };
}

async function compressedProblem(
  file: WalFile,
  handle: FileHandle,
  size: number,
  form: StoredForm,
  settings: CodecSettings,
  systemId: string | null,
): Promise<WalProblem | null> {
  // Other formats would have to be decompressed whole at every arrival.
  if (form.compression !== 'gzip') return null;
  const glance = await glanceAtGzip(handle, size);
  if (glance !== undefined && walProblem(file, glance, systemId) === null) return null;
  // Several gzip members in one file: the last four bytes tell the size of the last one only.
  return contentProblem(file, await measurePlain(handle, form, settings), systemId);
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
