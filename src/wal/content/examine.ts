/** Is a file what its name says? Only as much of it is read as the answer needs. */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { CodecSettings } from '../../codec/settings.ts';
import type { WalFile } from '../../domain/wal/wal.ts';
import { detectForm, isPlain, type StoredForm } from '../../domain/wal/wal-content.ts';
import {
  parseWalHeader,
  type WalContent,
  type WalHeader,
  type WalProblem,
  walProblem,
} from '../../domain/wal/wal-header.ts';
import { glanceAtGzip, measurePlain, readHead, recogniseHead } from './content.ts';

/** What an encrypted file is compressed with cannot be told: null. */
export interface Examined extends StoredForm {
  /** Why it cannot be archived under its name; null when nothing speaks against it. */
  readonly problem: WalProblem | null;
  /** The first page header, of a plain segment or one in gzip; null where it would take more than a look at the first bytes. */
  readonly header: WalHeader | null;
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
  const isSegment = file.kind === 'segment';
  const form = isSegment ? recogniseHead(head, settings) : detectForm(head, settings.customCompressionMagic);
  const examined = (content: WalContent) => ({
    ...form,
    problem: walProblem(file, content, systemId),
    header: isSegment || file.kind === 'partial' ? (parseWalHeader(content.head) ?? null) : null,
  });
  if (isPlain(form) || file.kind === 'label' || file.kind === 'history') return examined({ size, head });
  // Other formats would have to be decompressed whole at every arrival.
  if (form.compression !== 'gzip') return { ...form, problem: null, header: null };
  const glance = await glanceAtGzip(handle, size);
  if (glance !== undefined && (!isSegment || walProblem(file, glance, systemId) === null)) return examined(glance);
  // A partial file may end anywhere.
  if (!isSegment) return { ...form, problem: null, header: null };
  // Several gzip members in one file: the last four bytes tell the size of the last one only.
  const content = await measurePlain(handle, form, settings);
  return content === undefined
    ? { ...form, problem: contentProblem(file, content, systemId), header: null }
    : examined(content);
}

/** What is wrong with a content that was read to its end; undefined when it could not be. */
export function contentProblem(
  file: WalFile,
  content: WalContent | undefined,
  systemId: string | null,
): WalProblem | null {
  if (content === undefined) return { text: 'cannot be decompressed', kind: 'incomplete' };
  return walProblem(file, content, systemId);
}
