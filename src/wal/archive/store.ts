/**
 * Puts one WAL file into its hash directory. The source stays where it is: the caller unlinks it once the archived file,
 * its directory and its line of xlog.db are on disk, so that a kill at any instant leaves the source to start again from.
 */
import { type BigIntStats } from 'node:fs';
import { type FileHandle, lstat, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { compressByProgram, compressor, wholeCompressor } from '../../codec/compression.ts';
import type { CodecSettings } from '../../codec/settings.ts';
import { createNew, linkIfPossible, unlinkIfPresent } from '../../host/files.ts';
import { encryptionFailure, encryptor } from '../../codec/gpg.ts';
import type { CipherName } from '../../domain/ciphers.ts';
import type { Compression } from '../../domain/codecs.ts';
import { WalError } from '../../domain/errors.ts';
import type { WalFile } from '../../domain/wal/wal.ts';
import { identifyWal, isPlain, type StoredForm } from '../../domain/wal/wal-content.ts';
import type { WalRecord } from '../../domain/wal/xlogdb.ts';
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
  readonly hashDirectory: string;
}

/** The name that a file has in its hash directory until it is complete. rebuild-xlogdb passes over `.tmp`. */
export function temporaryName(name: string): string {
  return `${name}.tmp`;
}

export interface StoreOutcome {
  /** The line for xlog.db. */
  readonly record: WalRecord;
  /** True when source and archived file are one file under two names. */
  readonly isLinked: boolean;
}

/** A file on its way into the archive: its content is on disk, but not under its name. */
export interface PreparedWal {
  /** Gives it its name; flushing the directory is left to the caller, once for many files. */
  publish(): Promise<StoreOutcome>;
  /** Forgets what was not published. */
  discard(): Promise<void>;
}

/**
 * Writes and flushes the content that the archive is to hold. Several files may be prepared at once. Nothing may exist
 * under the final name.
 */
export async function prepareWal(request: StoreRequest): Promise<PreparedWal> {
  if (isStoredAsItIs(request) && (await isOneFilesystem(request))) {
    await request.source.sync();
    return { publish: () => publishLink(request), discard: async () => {} };
  }
  const temporary = await writeCopy(request);
  return {
    publish: () => publishCopy(request, temporary),
    discard: async () => {
      await unlinkIfPresent(temporary);
    },
  };
}

/** How the file will be in the archive: what is compressed or encrypted already is not compressed once more. */
function storedForm({ sourceForm, compression, encryption }: StoreRequest): StoredForm {
  return {
    compression: isPlain(sourceForm) ? compression : sourceForm.compression,
    encryption: sourceForm.encryption ?? encryption,
  };
}

function isStoredAsItIs(request: StoreRequest): boolean {
  const { compression, encryption } = storedForm(request);
  return compression === request.sourceForm.compression && encryption === request.sourceForm.encryption;
}

async function isOneFilesystem({ stats, hashDirectory }: StoreRequest): Promise<boolean> {
  return (await stat(hashDirectory, { bigint: true })).dev === stats.dev;
}

/** A second name where the filesystem makes one, else a copy. */
async function publishLink(request: StoreRequest): Promise<StoreOutcome> {
  if (await linkInto(request, join(request.hashDirectory, request.file.name))) {
    return { record: record(request, Number(request.stats.size)), isLinked: true };
  }
  return publishCopy(request, await writeCopy(request));
}

async function writeCopy(request: StoreRequest): Promise<string> {
  const temporary = join(request.hashDirectory, temporaryName(request.file.name));
  await unlinkIfPresent(temporary);
  try {
    await writeTemporary(request, temporary);
    return temporary;
  } catch (error) {
    await unlinkIfPresent(temporary).catch(() => {});
    throw error;
  }
}

async function publishCopy(request: StoreRequest, temporary: string): Promise<StoreOutcome> {
  const size = (await stat(temporary)).size;
  await rename(temporary, join(request.hashDirectory, request.file.name));
  return { record: record(request, size), isLinked: false };
}

/** Modification time as Barman writes it: seconds + 1e-9 * nanoseconds, in this order of rounding. */
export function mtimeOf(stats: BigIntStats): number {
  return Number(stats.mtimeNs / 1_000_000_000n) + 1e-9 * Number(stats.mtimeNs % 1_000_000_000n);
}

function record(request: StoreRequest, size: number): WalRecord {
  return { name: request.file.name, size, time: mtimeOf(request.stats), ...storedForm(request) };
}

/** False when the filesystem does not link it. */
async function linkInto({ file, sourcePath, stats }: StoreRequest, target: string): Promise<boolean> {
  if (!(await linkIfPossible(sourcePath, target))) return false;
  const linked = await lstat(target, { bigint: true });
  if (linked.ino === stats.ino && linked.size === stats.size) return true;
  // Somebody put another file there meanwhile: it was not looked at.
  await unlinkIfPresent(target);
  throw new WalError(`WAL file '${file.name}' changed while it was archived`);
}

async function writeTemporary(request: StoreRequest, temporary: string): Promise<void> {
  const { stats } = request;
  const handle = await createNew(temporary, 0o600);
  try {
    const { compression, encryption } = storedForm(request);
    if (encryption !== request.sourceForm.encryption) await encryptInto(request, handle);
    else if (compression !== request.sourceForm.compression) await compressInto(request, handle);
    else await copyInto(request, handle);
    await handle.chmod(Number(stats.mode & 0o7777n));
    await handle.utimes(Number(stats.atimeMs) / 1000, mtimeOf(stats));
    await handle.sync();
  } finally {
    await handle.close();
  }
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
