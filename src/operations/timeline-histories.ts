/** The timeline history files of the archive, decompressed and read. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { compressionSettings, decompressor, detectCompression } from '../adapters/compression.ts';
import { errnoOf, WalError } from '../domain/errors.ts';
import { parseTimelineHistory, type TimelineSwitch } from '../domain/timeline-history.ts';
import { timelineName } from '../domain/wal.ts';
import type { CommandContext } from './context.ts';
import type { Server } from './server.ts';

/** No history file is longer, bytes. */
const MAX_HISTORY = 1024 * 1024;

/**
 * The ancestors of a timeline, the nearest last; undefined when the archive has no history file of it.
 * @throws WalError for a file that is none, CommandError when it cannot be decompressed
 */
export async function readHistory(
  ctx: CommandContext,
  server: Server,
  timeline: number,
): Promise<readonly TimelineSwitch[] | undefined> {
  const name = `${timelineName(timeline)}.history`;
  const text = await historyText(ctx, server, server.catalog.walPath(name));
  return text === undefined ? undefined : parseTimelineHistory(text, name);
}

async function historyText(ctx: CommandContext, server: Server, path: string): Promise<string | undefined> {
  const bytes = await readSmallFile(path);
  if (bytes === undefined) return undefined;
  const algorithm = detectCompression(bytes, server.config.customCompressionMagic);
  if (algorithm === null) return bytes.toString('utf8');
  const stream = decompressor(algorithm, compressionSettings(server.config, server.searchPath, ctx.env));
  Readable.from([bytes]).pipe(stream);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > MAX_HISTORY) throw new WalError('it is too long');
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readSmallFile(path: string): Promise<Buffer | undefined> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_HISTORY), 0, MAX_HISTORY, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
