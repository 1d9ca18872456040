/** One archived WAL file that is compressed -> plain bytes in a new file. Source: spec wal.md section 4. */
import { constants, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { compressionSettings, type CompressionSettings, decompressor } from '../../adapters/compression.ts';
import { BarmanError, errnoOf, messageOf, RecoveryError } from '../../domain/errors.ts';
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
      decompressor(compression, settings)
        .on('error', () => {})
        .destroy();
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
 * Decompresses into a new file, which is on disk when the promise resolves. `expectedSize` is that of a segment, bytes;
 * null for other files.
 * @throws RecoveryError naming a file that is damaged
 */
export async function expandWal(
  file: NeededWal,
  target: string,
  expectedSize: number | null,
  settings: CompressionSettings,
  signal: AbortSignal,
): Promise<void> {
  const source = await openWal(file.path);
  const writer = createWriteStream(target, { flags: 'wx', mode: 0o600, highWaterMark: 1_048_576 });
  try {
    await pipeline(streamOf(source), decompressor(file.compression ?? '', settings), writer, { signal });
  } catch (error) {
    signal.throwIfAborted();
    // A full disk is no fault of the file.
    if (errnoOf(error) !== undefined && !(errnoOf(error) ?? '').startsWith('Z_')) throw error;
    throw damaged(file, messageOf(error), error);
  } finally {
    await source.close();
  }
  const handle = await open(target, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    await handle.sync();
    const { size } = await handle.stat();
    if (expectedSize !== null && size !== expectedSize) {
      throw damaged(file, `it holds ${size} bytes where ${expectedSize} were expected`);
    }
  } finally {
    await handle.close();
  }
}

function damaged(file: NeededWal, reason: string, cause?: unknown): RecoveryError {
  return new RecoveryError(`Failure copying WAL files: '${file.path}' is damaged: ${reason}`, {
    cause,
    hint: 'restore another backup, or a target before this file',
  });
}
