/**
 * One archived WAL file that is compressed or encrypted -> plain bytes in a new file. Source: docs/behaviour/wal.md 4.
 */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { decompressor } from '../../codec/compression.ts';
import type { CodecSettings } from '../../codec/settings.ts';
import { DECRYPTION_HINT, gpgReason } from '../../codec/gpg.ts';
import { BarmanError, CommandError, errnoOf, messageOf, RecoveryError } from '../../domain/errors.ts';
import { openToRead } from '../../host/files.ts';
import { decrypted, openWal, plainStream } from '../../wal/content/content.ts';
import type { NeededWal } from '../wal-plan.ts';

/** @throws RecoveryError when one of the files cannot be read on this host: asked before anything is copied */
export async function checkExpanders(
  server: string,
  files: readonly NeededWal[],
  settings: CodecSettings,
): Promise<void> {
  const encrypted = files.find(({ encryption }) => encryption !== null);
  if (encrypted !== undefined) await refuseWithoutKey(server, encrypted, settings);
  const examples = new Map(files.map((file) => [file.compression, file.name]));
  for (const [compression, name] of examples) {
    if (compression === null) continue;
    try {
      decompressor(compression, settings)
        .on('error', () => {})
        .destroy();
    } catch (error) {
      if (!(error instanceof BarmanError)) throw error;
      throw refused(`Cannot decompress WAL file '${name}': ${error.message}`, error);
    }
  }
}

/** A file that can be opened proves program, key and passphrase. */
async function refuseWithoutKey(server: string, file: NeededWal, settings: CodecSettings): Promise<void> {
  if (settings.encryptionPassphraseCommand === null) {
    throw new RecoveryError(
      `Encrypted WALs were found for server '${server}', but 'encryption_passphrase_command' is not configured correctly.Please configure it before attempting a restore.`,
    );
  }
  const handle = await openWal(file.path);
  try {
    (await decrypted(handle, settings)).stream.destroy();
  } catch (error) {
    if (!(error instanceof BarmanError)) throw error;
    throw refused(`Cannot decrypt WAL file '${file.name}': ${gpgReason(error)}`, error);
  } finally {
    await handle.close();
  }
}

function refused(message: string, cause: BarmanError): RecoveryError {
  const hint = cause.hint ?? (cause instanceof CommandError ? DECRYPTION_HINT : undefined);
  return new RecoveryError(message, { cause, ...(hint === undefined ? {} : { hint }) });
}

/**
 * Decrypts and decompresses into a new file, which is on disk when the promise resolves. `expectedSize` is that of a segment, bytes;
 * null for other files.
 * @throws RecoveryError naming a file that is damaged
 */
export async function expandWal(
  file: NeededWal,
  target: string,
  expectedSize: number | null,
  settings: CodecSettings,
  signal: AbortSignal,
): Promise<void> {
  const source = await openWal(file.path);
  const writer = createWriteStream(target, { flags: 'wx', mode: 0o600, highWaterMark: 1_048_576 });
  try {
    await pipeline(plainStream(source, file, settings), writer, { signal });
  } catch (error) {
    signal.throwIfAborted();
    // A full disk is no fault of the file.
    if (errnoOf(error) !== undefined && !(errnoOf(error) ?? '').startsWith('Z_')) throw error;
    throw damaged(file, messageOf(error), error);
  } finally {
    await source.close();
  }
  const handle = await openToRead(target);
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
