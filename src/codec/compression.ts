/**
 * Streams that compress and decompress what the table of codecs (domain/codecs.ts) knows.
 * gzip runs in this process, zstd too where it can, snappy only there; the others through their standard programs.
 * Source: docs/behaviour/wal.md 4.
 */
import type { Duplex } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import {
  CODEC_NAMES,
  CODECS,
  type Compression,
  type ExportCompression,
  formatOf,
  levelOf,
  writerOf,
} from '../domain/codecs.ts';
import { WalError } from '../domain/errors.ts';
import { programFilter, runFilter } from '../host/process/filter.ts';
import { which } from '../host/process/search-path.ts';
import { inProcessCodec } from './in-process.ts';
import { requireProgram, withoutProgram } from './program.ts';
import type { CodecSettings } from './settings.ts';

/** A stream that compresses. `size`: bytes that will come, where that is known. @throws WalError when this host cannot do it */
export function compressor(name: Compression, settings: CodecSettings, size?: number): Duplex {
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
  settings: CodecSettings,
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
  settings: CodecSettings,
  files: { readonly input: number; readonly output: number; readonly size: number },
): Promise<boolean> {
  const [command, ...args] = filterCommand(name, settings, files.size) ?? [];
  if (command === undefined) return false;
  await runFilter(command, args, settings.env, files);
  return true;
}

/** Null for what this process does itself. */
function filterCommand(name: Compression, settings: CodecSettings, size: number | undefined): readonly string[] | null {
  if (name === 'custom') return shellCommand(settings.customCompressionFilter, 'custom_compression_filter');
  const writer = writerOf(name);
  if (writer === undefined) throw unsupported(name);
  const { format, writtenBy: program, library } = writer;
  const { compression } = inProcessCodec(format);
  if (program === null) {
    if (library !== 'node' && compression === null) throw withoutLibrary(format);
    return null;
  }
  const isSmall = compression !== null && (size ?? 0) <= compression.comfortable;
  if (isSmall || (compression !== null && which(program.name, settings.searchPath) === undefined)) return null;
  return [requireProgram(program, settings.searchPath), ...writer.args(levelOf(name, settings.level) ?? 0)];
}

/** The same at a level of the program itself. */
export function compressorAt(
  name: ExportCompression,
  level: number,
  settings: Pick<CodecSettings, 'searchPath' | 'env'>,
): Duplex {
  const { program, args, library } = CODECS[name];
  if (library === 'node') return gzipAt(level);
  return programFilter(requireProgram(program, settings.searchPath), args(level), settings.env);
}

/** With the larger of zlib's working memories: a quarter less time, and a little smaller. */
function gzipAt(level: number): Duplex {
  return createGzip({ level, memLevel: 9, chunkSize: 65_536 });
}

/** A stream that decompresses `name`, a configured name or a recognised one. @throws WalError when this host cannot do it */
export function decompressor(name: string, settings: CodecSettings): Duplex {
  if (name === 'custom') {
    const [command = '', ...args] = shellCommand(settings.customDecompressionFilter, 'custom_decompression_filter');
    return programFilter(command, args, settings.env);
  }
  const writer = writerOf(name);
  if (writer === undefined) throw unsupported(name);
  const { format, program, library } = writer;
  if (library === 'node') return createGunzip({ chunkSize: 65_536 });
  const { decompression } = inProcessCodec(format);
  const hasProgram = program !== null && which(program.name, settings.searchPath) !== undefined;
  if (decompression !== null && !(decompression.isGreedy && hasProgram)) return decompression.open();
  if (program === null) throw withoutLibrary(format);
  return programFilter(requireProgram(program, settings.searchPath), ['-d', '-c'], settings.env);
}

/** True when `decompressor` has what it needs on this host. */
export function canDecompress(name: string, settings: CodecSettings): boolean {
  if (name === 'custom') return settings.customDecompressionFilter !== null;
  return missingFor(formatOf(name), settings) === null;
}

/**
 * What this host lacks to compress and decompress with a known algorithm: the error that says it, with its remedy; null when
 * nothing is missing. The filters of `custom` are no matter of the host.
 */
export function missingFor(name: string, settings: Pick<CodecSettings, 'searchPath'>): WalError | null {
  const writer = writerOf(name);
  if (writer === undefined) return unsupported(name);
  const { format, writtenBy: program, library } = writer;
  const { compression, decompression } = inProcessCodec(format);
  if ((compression !== null && decompression !== null) || (library === 'node' && program === null)) return null;
  if (program === null) return withoutLibrary(format);
  return which(program.name, settings.searchPath) === undefined ? withoutProgram(program) : null;
}

function unsupported(name: string): WalError {
  const words = `${CODEC_NAMES.slice(0, -1).join(', ')} or ${CODEC_NAMES.at(-1)}`;
  return new WalError(`compression '${name}' is not supported by this program`, {
    hint: `set 'compression' to ${words}`,
  });
}

function withoutLibrary(format: string): WalError {
  return new WalError(`compression '${format}' needs the library '${format}', which is not installed`, {
    hint: `type "npm install ${format}" where this program is installed, or install it again with its optional dependencies`,
  });
}

function shellCommand(commandLine: string | null, option: string): readonly string[] {
  if (commandLine === null) throw new WalError(`compression is 'custom' but '${option}' is not set`);
  return ['/bin/sh', '-c', commandLine];
}
