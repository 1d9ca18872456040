/** What the archive is to hold of a WAL file that arrived: the file itself, or what a codec and a cipher make of it. */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { compressByProgram, compressor, wholeCompressor } from '../../codec/compression.ts';
import type { CodecSettings } from '../../codec/settings.ts';
import { encryptionFailure, encryptor } from '../../codec/gpg.ts';
import type { CipherName } from '../../domain/ciphers.ts';
import type { Compression } from '../../domain/codecs.ts';
import { WalError } from '../../domain/errors.ts';
import type { WalFile } from '../../domain/wal/wal.ts';
import { identifyWal, isPlain, type StoredForm } from '../../domain/wal/wal-content.ts';
import { type WalRecord, walTime } from '../../domain/wal/xlogdb.ts';
import type { NewWal, PublishedWal } from '../../storage/wal-store.ts';
import { haveSameContent, measurePlain, readHead, sinkOf, streamOf, withContent } from '../content/content.ts';

export interface StoreRequest {
  readonly file: WalFile;
  readonly source: FileHandle;
  readonly sourcePath: string;
  readonly stats: BigIntStats;
  /** What the source is compressed or encrypted with already. */
  readonly sourceForm: StoredForm;
  /** What the archive compresses plain files with; null for nothing. */
  readonly compression: Compression | null;
  /** What it encrypts with; null for nothing. */
  readonly encryption: CipherName | null;
  readonly settings: CodecSettings;
}

/** What the store is to be given. */
export function newWal(request: StoreRequest): NewWal {
  const { file, source, sourcePath, stats, sourceForm } = request;
  const { compression, encryption } = storedForm(request);
  const write = async (target: FileHandle) => {
    if (encryption !== sourceForm.encryption) await encryptInto(request, target);
    else if (compression !== sourceForm.compression) await compressInto(request, target);
    else await copyInto(request, target);
  };
  const isSource = compression === sourceForm.compression && encryption === sourceForm.encryption;
  return { name: file.name, source: { handle: source, path: sourcePath, stats }, isSource, write };
}

/** The line for xlog.db: with the time that the stored file has, so that a rebuild of either program writes the same one. */
export function recordOf(request: StoreRequest, { size, mtimeNs }: PublishedWal): WalRecord {
  return { name: request.file.name, size, time: walTime(mtimeNs), ...storedForm(request) };
}

/** How the file will be in the archive: what is compressed or encrypted already is not compressed once more. */
function storedForm({ sourceForm, compression, encryption }: StoreRequest): StoredForm {
  return {
    compression: isPlain(sourceForm) ? compression : sourceForm.compression,
    encryption: sourceForm.encryption ?? encryption,
  };
}

async function copyInto({ source, stats, file }: StoreRequest, copy: FileHandle): Promise<void> {
  await pipeline(streamOf(source), sinkOf(copy));
  const { size } = await copy.stat();
  if (size !== Number(stats.size)) throw new WalError(`'${file.name}' changed while it was copied`);
}

/** What another program compressed must give back the very bytes. */
async function compressInto({ source, stats, compression, settings, file }: StoreRequest, copy: FileHandle) {
  if (compression === null) return;
  const size = Number(stats.size);
  const changed = () => new WalError(`'${file.name}' changed while it was compressed`);
  const whole = wholeCompressor(compression, settings, size);
  if (whole !== null) {
    await withContent(source, size, async (content) => {
      await pipeline([await whole(content)], sinkOf(copy));
      if (content.length !== size || (await source.stat()).size !== size) throw changed();
    });
    return;
  }
  if (!(await compressByProgram(compression, settings, { input: source.fd, output: copy.fd, size }))) {
    let read = 0;
    const counted = streamOf(source).on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    await pipeline(counted, compressor(compression, settings, size), sinkOf(copy));
    if (read !== size) throw changed();
    return;
  }
  if (await givesBack(compression, source, stats, copy, settings)) return;
  throw new WalError(`the ${compression} copy of WAL file '${file.name}' does not give back the original`, {
    hint: 'test the compression program by hand: compress a file, decompress it and compare',
  });
}

/**
 * Compressed, where the archive compresses, and encrypted on the way: nothing plain is written. What gpg wrote is not decrypted
 * to prove it, as the private key may well be elsewhere.
 */
async function encryptInto({ source, sourceForm, stats, compression, settings, file }: StoreRequest, copy: FileHandle) {
  const size = Number(stats.size);
  const packs = compression !== null && sourceForm.compression === null;
  const stages = [...(packs ? [compressor(compression, settings, size)] : []), encryptor(settings)];
  let read = 0;
  const counted = streamOf(source).on('data', (chunk: Buffer) => {
    read += chunk.length;
  });
  try {
    await pipeline([counted, ...stages, sinkOf(copy)]);
  } catch (error) {
    throw encryptionFailure(error, settings);
  }
  if (read !== size) throw new WalError(`'${file.name}' changed while it was encrypted`);
  if (identifyWal(await readHead(copy)).encryption !== null) return;
  throw new WalError(`what gpg made of WAL file '${file.name}' is no encrypted message`, {
    hint: 'look for options in gpg.conf that change what "gpg --encrypt" writes',
  });
}

/** The known formats carry checksums of their content: decompressing proves it, and the size tells that all was read. */
async function givesBack(
  compression: Compression,
  source: FileHandle,
  stats: BigIntStats,
  copy: FileHandle,
  settings: CodecSettings,
): Promise<boolean> {
  if (compression === 'custom') return haveSameContent(source, copy, settings);
  return (await measurePlain(copy, { compression, encryption: null }, settings))?.size === Number(stats.size);
}
