/** One archived WAL file that is compressed -> plain bytes in a new file. Source: spec wal.md section 4. */
import type { FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { compressionSettings, type CompressionSettings, decompressor } from '../../adapters/compression.ts';
import { BarmanError, messageOf, RecoveryError } from '../../domain/errors.ts';
import type { CommandContext } from '../context.ts';
import type { Server } from '../server.ts';
import { openWal, streamOf } from '../wal/content.ts';
import type { NeededWal } from './wal-plan.ts';

export function expandSettings(ctx: CommandContext, { config, searchPath }: Server): CompressionSettings {
  return compressionSettings(config, searchPath, { ...ctx.env, PATH: searchPath });
}

/** @throws RecoveryError when one of the files cannot be decompressed on this host: asked before anything is copied */
export function checkExpanders(files: readonly NeededWal[], settings: CompressionSettings): void {
  const examples = new Map(files.map((file) => [file.compression, file.name]));
  for (const [compression, name] of examples) {
    if (compression === null) continue;
    try {
      decompressor(compression, settings).on('error', () => {}).destroy();
    } catch (error) {
      if (!(error instanceof BarmanError)) throw error;
      throw new RecoveryError(`Cannot decompress WAL file '${name}': ${error.message}`, {
        cause: error,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      });
    }
  }
}

/**
 * Decompresses into a handle that is open for writing. `expectedSize` is that of a segment, bytes; null for other files.
 * @throws RecoveryError naming a file that is damaged
 */
export async function expandWal(
  file: NeededWal,
  target: FileHandle,
  expectedSize: number | null,
  settings: CompressionSettings,
  signal: AbortSignal,
): Promise<void> {
  const source = await openWal(file.path);
  try {
    const writer = target.createWriteStream({ autoClose: false, highWaterMark: 1_048_576 });
    await pipeline(streamOf(source), decompressor(file.compression ?? '', settings), writer, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw damaged(file, messageOf(error), error);
  } finally {
    await source.close();
  }
  const { size } = await target.stat();
  if (expectedSize !== null && size !== expectedSize) {
    throw damaged(file, `it holds ${size} bytes where ${expectedSize} were expected`);
  }
}

function damaged(file: NeededWal, reason: string, cause?: unknown): RecoveryError {
  return new RecoveryError(`Failure copying WAL files: '${file.path}' is damaged: ${reason}`, {
    cause,
    hint: 'restore another backup, or a target before this file',
  });
}
