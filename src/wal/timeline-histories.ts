/** The timeline history files of the archive, decrypted, decompressed and read. */
import { WalError } from '../domain/errors.ts';
import { parseTimelineHistory, type TimelineSwitch } from '../domain/wal/timeline-history.ts';
import { timelineName } from '../domain/wal/wal.ts';
import { detectForm } from '../domain/wal/wal-content.ts';
import type { ServerScope } from '../server/scope.ts';
import { plainStream, readHead } from './content/content.ts';

/** No history file is longer, bytes. */
const MAX_HISTORY = 1024 * 1024;

/**
 * The ancestors of a timeline, the nearest last; undefined when the archive has no history file of it.
 * @throws WalError for a file that is none, CommandError when it cannot be decompressed
 */
export async function readHistory(
  scope: ServerScope,
  timeline: number,
): Promise<readonly TimelineSwitch[] | undefined> {
  const name = `${timelineName(timeline)}.history`;
  const text = await historyText(scope, name);
  return text === undefined ? undefined : parseTimelineHistory(text, name);
}

async function historyText(scope: ServerScope, name: string): Promise<string | undefined> {
  const { walStore } = scope.catalog;
  const found = await walStore.open(name);
  if (found === undefined) return undefined;
  if (found === 'no file') throw new WalError(`'${walStore.locate(name)}' is no regular file`);
  const { handle } = found;
  try {
    const form = detectForm(await readHead(handle), scope.config.customCompressionMagic);
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of plainStream(handle, form, scope.codecs) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_HISTORY) throw new WalError('it is too long');
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    await handle.close();
  }
}
