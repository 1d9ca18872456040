/**
 * Compression of WAL files: one table of algorithms, recognition by magic number, streams that compress and decompress.
 * gzip runs in this process, zstd too where it can, snappy only there; the others through their standard programs.
 * Source: docs/behaviour/wal.md 4.
 */
import { open } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import type { ServerConfig } from '../config/options.ts';
import { WalError } from '../domain/errors.ts';
import { identifyWal, parseMagic, type StoredForm } from '../domain/wal/wal-content.ts';
import { programFilter, runFilter } from '../host/filter.ts';
import { inProcessCodec } from './in-process.ts';
import { which } from '../host/process.ts';

export type Compression = NonNullable<ServerConfig['compression']>;

export type CompressionLevel = NonNullable<ServerConfig['compressionLevel']>;

/** What the streams need to know of a server; also those of gpg.ts. */
export interface CompressionSettings {
  readonly level: CompressionLevel;
  /** Command lines of the administrator; run by a shell. */
  readonly customCompressionFilter: string | null;
  readonly customDecompressionFilter: string | null;
  /** `0x...`: how a file of the custom filter begins. */
  readonly customCompressionMagic: string | null;
  /** The recipient of what gpg encrypts. */
  readonly encryptionKeyId: string | null;
  /** A command line of the administrator that prints the passphrase of the private key. */
  readonly encryptionPassphraseCommand: string | null;
  readonly searchPath: string;
  readonly env: NodeJS.ProcessEnv;
}

interface Levels {
  readonly low: number;
  readonly medium: number;
  readonly high: number;
  readonly min: number;
  readonly max: number;
}

interface Algorithm {
  /** Name of the algorithm as recognition tells it: `pigz` files are `gzip` files. */
  readonly format: string;
  /** Null: it knows no levels. */
  readonly levels: Levels | null;
  /** The program, and its arguments to compress at a level; null: only this process does it. */
  readonly program: string | null;
  readonly compressArgs: (level: number) => readonly string[];
}

const GZIP_LEVELS: Levels = { low: 1, medium: 6, high: 9, min: 1, max: 9 };
const BZIP2_LEVELS: Levels = { low: 1, medium: 5, high: 9, min: 1, max: 9 };
const byLevel = (level: number) => ['-c', `-${level}`];

const GZIP: Algorithm = { format: 'gzip', levels: GZIP_LEVELS, program: null, compressArgs: byLevel };
const BZIP2: Algorithm = { format: 'bzip2', levels: BZIP2_LEVELS, program: 'bzip2', compressArgs: byLevel };

const ALGORITHMS: Readonly<Partial<Record<Compression, Algorithm>>> = {
  gzip: GZIP,
  pygzip: GZIP,
  pigz: { ...GZIP, program: 'pigz' },
  bzip2: BZIP2,
  pybzip2: BZIP2,
  xz: {
    format: 'xz',
    levels: { low: 1, medium: 3, high: 5, min: 1, max: 9 },
    program: 'xz',
    compressArgs: byLevel,
  },
  zstd: {
    format: 'zstd',
    levels: { low: 1, medium: 4, high: 9, min: -22, max: 22 },
    program: 'zstd',
    compressArgs: zstdArgs,
  },
  lz4: {
    format: 'lz4',
    levels: { low: 0, medium: 6, high: 10, min: 0, max: 16 },
    program: 'lz4',
    // The program knows 1 to 12; beyond that the library does the same as at its ends.
    compressArgs: (level) => ['-q', '-c', `-${Math.min(Math.max(level, 1), 12)}`],
  },
  snappy: { format: 'snappy', levels: null, program: null, compressArgs: () => [] },
};

/** How many bytes of a file recognition looks at. */
export const HEAD_LENGTH = 64;

export function compressionSettings(
  config: ServerConfig,
  searchPath: string,
  env: NodeJS.ProcessEnv,
): CompressionSettings {
  return {
    level: config.compressionLevel ?? 'medium',
    customCompressionFilter: config.customCompressionFilter,
    customDecompressionFilter: config.customDecompressionFilter,
    customCompressionMagic: config.customCompressionMagic,
    encryptionKeyId: config.encryptionKeyId,
    encryptionPassphraseCommand: config.encryptionPassphraseCommand,
    searchPath,
    env,
  };
}

/** The algorithm of a file that begins with these bytes; null when it is not recognised (taken as not compressed). */
export function detectCompression(head: Uint8Array, customMagic: string | null = null): string | null {
  return detectForm(head, customMagic).compression;
}

/** The form of a file that begins with these bytes; plain when it is not recognised. */
export function detectForm(head: Uint8Array, customMagic: string | null = null): StoredForm {
  const magic = parseMagic(customMagic);
  return identifyWal(head, magic === null ? undefined : { magic });
}

/** The same for a file on disk. */
export async function detectFileCompression(path: string, customMagic: string | null = null): Promise<string | null> {
  return (await detectFileForm(path, customMagic)).compression;
}

/** How a file on disk is stored, by its first bytes. */
export async function detectFileForm(path: string, customMagic: string | null = null): Promise<StoredForm> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_LENGTH), 0, HEAD_LENGTH, 0);
    return detectForm(buffer.subarray(0, bytesRead), customMagic);
  } finally {
    await handle.close();
  }
}

/** The format that a configured name writes: `pigz` and `pygzip` write gzip. */
export function formatOf(name: string): string {
  return ALGORITHMS[name as Compression]?.format ?? name;
}

/** The number for a level word, or the number clamped to what the algorithm knows; null when it knows no levels. */
export function levelOf(name: Compression, level: CompressionLevel): number | null {
  const levels = ALGORITHMS[name]?.levels ?? null;
  if (levels === null) return null;
  if (typeof level !== 'number') return levels[level];
  return Math.min(Math.max(level, levels.min), levels.max);
}

/** A stream that compresses. `size`: bytes that will come, where that is known. @throws WalError when this host cannot do it */
export function compressor(name: Compression, settings: CompressionSettings, size?: number): Duplex {
  const [command, ...args] = filterCommand(name, settings, size) ?? [];
  if (command !== undefined) return programFilter(command, args, settings.env);
  const level = levelOf(name, settings.level);
  const { compression } = inProcessCodec(formatOf(name));
  return compression?.open(level ?? 0, size) ?? gzipAt(level ?? 6);
}

/**
 * What compresses a whole buffer at once, off the main thread; null where that is left to `compressor`. For a WAL segment
 * the way through a stream costs as much as the compression itself.
 */
export function wholeCompressor(
  name: Compression,
  settings: CompressionSettings,
  size: number,
): ((data: Buffer) => Promise<Buffer>) | null {
  if (filterCommand(name, settings, size) !== null) return null;
  const { compression } = inProcessCodec(formatOf(name));
  const whole = compression?.whole;
  if (whole === undefined || compression === null || size > compression.comfortable) return null;
  return (data) => whole(data, levelOf(name, settings.level) ?? 0);
}

/**
 * Compresses an open file into another one, both from their beginning, by the program of the algorithm.
 * False, and nothing is done, for what this process does itself: it wants streams.
 */
export async function compressByProgram(
  name: Compression,
  settings: CompressionSettings,
  files: { readonly input: number; readonly output: number; readonly size: number },
): Promise<boolean> {
  const [command, ...args] = filterCommand(name, settings, files.size) ?? [];
  if (command === undefined) return false;
  await runFilter(command, args, settings.env, files);
  return true;
}

/** Null for what this process does itself. */
function filterCommand(
  name: Compression,
  settings: CompressionSettings,
  size: number | undefined,
): readonly string[] | null {
  if (name === 'custom') return shellCommand(settings.customCompressionFilter, 'custom_compression_filter');
  const algorithm = ALGORITHMS[name];
  if (algorithm === undefined) throw unsupported(name);
  const { format, program, compressArgs } = algorithm;
  const { compression } = inProcessCodec(format);
  if (program === null) {
    if (format !== 'gzip' && compression === null) throw withoutLibrary(format);
    return null;
  }
  const isSmall = compression !== null && (size ?? 0) <= compression.comfortable;
  if (isSmall || (compression !== null && which(program, settings.searchPath) === undefined)) return null;
  return [findProgram(program, settings), ...compressArgs(levelOf(name, settings.level) ?? 0)];
}

/** The same at a level of the program itself, for a name that has a program or is gzip. */
export function compressorAt(
  name: 'gzip' | 'bzip2' | 'xz',
  level: number,
  settings: Pick<CompressionSettings, 'searchPath' | 'env'>,
): Duplex {
  if (name === 'gzip') return gzipAt(level);
  return programFilter(findProgram(name, settings), byLevel(level), settings.env);
}

/** With the larger of zlib's working memories: a quarter less time, and a little smaller. */
function gzipAt(level: number): Duplex {
  return createGzip({ level, memLevel: 9, chunkSize: 65_536 });
}

/** A stream that decompresses `name`, a configured name or a recognised one. @throws WalError when this host cannot do it */
export function decompressor(name: string, settings: CompressionSettings): Duplex {
  if (name === 'custom') {
    const [command = '', ...args] = shellCommand(settings.customDecompressionFilter, 'custom_decompression_filter');
    return programFilter(command, args, settings.env);
  }
  const format = formatOf(name);
  if (format === 'gzip') return createGunzip({ chunkSize: 65_536 });
  const algorithm = ALGORITHMS[format as Compression];
  if (algorithm === undefined) throw unsupported(name);
  const { program } = algorithm;
  const { decompression } = inProcessCodec(format);
  const hasProgram = program !== null && which(program, settings.searchPath) !== undefined;
  if (decompression !== null && !(decompression.isGreedy && hasProgram)) return decompression.open();
  if (program === null) throw withoutLibrary(format);
  return programFilter(findProgram(program, settings), ['-d', '-c'], settings.env);
}

/** True when `decompressor` has what it needs on this host. */
export function canDecompress(name: string, settings: CompressionSettings): boolean {
  if (name === 'custom') return settings.customDecompressionFilter !== null;
  return missingFor(formatOf(name), settings) === null;
}

/**
 * What this host lacks to compress and decompress with a known algorithm: the error that says it, with its remedy; null when
 * nothing is missing. The filters of `custom` are no matter of the host.
 */
export function missingFor(name: string, settings: Pick<CompressionSettings, 'searchPath'>): WalError | null {
  const algorithm = ALGORITHMS[name as Compression];
  if (algorithm === undefined) return unsupported(name);
  const { format, program } = algorithm;
  const { compression, decompression } = inProcessCodec(format);
  if ((compression !== null && decompression !== null) || (format === 'gzip' && program === null)) return null;
  if (program === null) return withoutLibrary(format);
  return which(program, settings.searchPath) === undefined ? withoutProgram(program) : null;
}

function unsupported(name: string): WalError {
  return new WalError(`compression '${name}' is not supported by this program`, {
    hint: "set 'compression' to gzip, bzip2, xz, zstd, lz4 or snappy",
  });
}

function withoutLibrary(format: string): WalError {
  return new WalError(`compression '${format}' needs the library '${format}', which is not installed`, {
    hint: `type "npm install ${format}" where this program is installed, or install it again with its optional dependencies`,
  });
}

function findProgram(name: string, settings: Pick<CompressionSettings, 'searchPath'>): string {
  const path = which(name, settings.searchPath);
  if (path !== undefined) return path;
  throw withoutProgram(name);
}

function withoutProgram(name: string): WalError {
  return new WalError(`the program '${name}' is not in the search path`, {
    hint: `install it, e.g. "apt-get install ${name === 'xz' ? 'xz-utils' : name}", or set path_prefix`,
  });
}

function shellCommand(commandLine: string | null, option: string): readonly string[] {
  if (commandLine === null) throw new WalError(`compression is 'custom' but '${option}' is not set`);
  return ['/bin/sh', '-c', commandLine];
}

function zstdArgs(level: number): readonly string[] {
  if (level < 0) return ['-q', '-c', `--fast=${-level}`];
  return ['-q', '-c', ...(level > 19 ? ['--ultra'] : []), `-${level === 0 ? 3 : level}`];
}
