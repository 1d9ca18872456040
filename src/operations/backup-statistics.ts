/** What the archive says about backups: their WAL, and the timelines that branch off. Source: spec catalog.md section 10. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { compressionSettings, decompressor, detectCompression } from '../adapters/compression.ts';
import { type BackupInfo, isCopyDone } from '../domain/backup-info.ts';
import { errnoOf, messageOf, WalError } from '../domain/errors.ts';
import { parseTimelineHistory } from '../domain/timeline-history.ts';
import { NO_WAL, type WalUsage, walUsageMeter } from '../domain/wal-usage.ts';
import { parseWalName, timelineName } from '../domain/wal.ts';
import type { CommandContext } from './context.ts';
import type { Server } from './server.ts';

const SEGMENT = /^[0-9A-Fa-f]{24}$/;
/** No history file is longer, bytes. */
const MAX_HISTORY = 1024 * 1024;

/**
 * The WAL of every backup with a finished copy, or only of `wanted`, in one pass over the index. `backups` is the whole
 * list of the server in id order. @throws WalError for a damaged index
 */
export async function measureWals(
  server: Server,
  backups: readonly BackupInfo[],
  wanted?: BackupInfo,
): Promise<(backupId: string) => WalUsage> {
  const isAsked = wanted === undefined ? backups.some(isCopyDone) : isCopyDone(wanted);
  if (!isAsked) return () => NO_WAL;
  const meter = walUsageMeter(backups, wanted && new Set([wanted.backupId]));
  const measured = wanted === undefined ? backups.filter(isCopyDone) : [wanted];
  await server.catalog.readWals(
    (record) => {
      if (!SEGMENT.test(record.name) && !parseWalName(record.name)) throw badName(server, record.name);
      return meter.visit(record);
    },
    { from: firstWalOf(measured) },
  );
  const usages = meter.finish();
  return (backupId) => usages.get(backupId) ?? NO_WAL;
}

/** WAL before the first segment of all these backups belongs to none of them; '' when one does not say where it begins. */
function firstWalOf(backups: readonly BackupInfo[]): string {
  const begins = backups.map(({ beginWal }) => beginWal ?? '');
  return begins.reduce((first, begin) => (begin < first ? begin : first));
}

function badName({ name }: Server, walName: string): WalError {
  return new WalError(`invalid WAL segment name '${walName}'`, {
    hint: `Please run "barman rebuild-xlogdb ${name}" to solve this issue`,
  });
}

/**
 * The timelines that a recovery from this backup can reach besides its own: they left it after its end. A history file
 * that cannot be read ends the search with a warning.
 */
export async function reachableTimelines(
  ctx: CommandContext,
  server: Server,
  info: BackupInfo,
): Promise<readonly number[]> {
  const { timeline, endXlog } = info;
  if (timeline === null || endXlog === null) return [];
  const reachable: number[] = [];
  for (let child = timeline + 1; child <= 0xffffffff; child += 1) {
    const name = `${timelineName(child)}.history`;
    try {
      const text = await readHistory(ctx, server, server.catalog.walPath(name));
      if (text === undefined) break;
      const leaves = parseTimelineHistory(text, name).some(
        ({ parentTimeline, switchLsn }) => parentTimeline === timeline && switchLsn >= endXlog,
      );
      if (leaves) reachable.push(child);
    } catch (error) {
      ctx.output.warning(`cannot read the timeline history '${name}' of server ${server.name}: ${messageOf(error)}`);
      break;
    }
  }
  return reachable;
}

/** Its text, decompressed; undefined when there is no such file. */
async function readHistory(ctx: CommandContext, server: Server, path: string): Promise<string | undefined> {
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
