/**
 * `--parallel N`: sends up to N-1 WAL files that wait behind the requested one, and notes each of them, so that the next
 * call for it ends at once. A note counts only for the very file that was sent (inode, size and time of change).
 * compat 3.20.1: there the name of the last file sent is noted, and everything at or before it counts as sent: a cluster
 * that was restored or made anew under the same server name would lose its WAL.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { nextSegmentName, parseWalName, type WalFile } from '../domain/wal/wal.ts';
import { walProblem } from '../domain/wal/wal-header.ts';
import { isPrivateFolder } from './connection.ts';
import type { Remote } from './remote.ts';
import { BLOCKS_AHEAD, openWalFile, type SendOptions, sendWal } from './send-wal.ts';
import type { WalSource } from './wal-source.ts';
import { tellStandardError } from '../host/standard-error.ts';

const NOTES = 'sent-ahead';
/** More than any N that makes sense; older notes are dropped. */
const MAX_NOTES = 256;

/** Sends the requested file, unless it is noted, and those behind it. @throws ArchiveFailure for the requested file only */
export async function sendAhead(
  remote: Remote,
  path: string,
  options: SendOptions,
  parallel: number,
  cacheDirectory: string | undefined,
): Promise<void> {
  const source = openWalFile(path);
  const file = parseWalName(source.name);
  const cache = file?.kind === 'segment' ? openCache(remote, cacheDirectory) : undefined;
  if (cache === undefined || file === undefined) return sendWal(remote, source, options);
  if (readNotes(cache).has(noteOf(source))) {
    closeSync(source.descriptor);
    return;
  }
  const waiting = waitingBehind(source, file, parallel - 1);
  const sent: WalSource[] = [];
  // Together no more memory than one alone.
  const blocksAhead = Math.ceil(BLOCKS_AHEAD / (waiting.length + 1));
  const ahead = waiting.map(async (next) => {
    await sendWal(remote, next, options, blocksAhead);
    sent.push(next);
  });
  const [requested] = await Promise.allSettled([sendWal(remote, source, options, blocksAhead), ...ahead]);
  if (sent.length > 0) addNotes(cache, sent);
  if (requested.status === 'rejected') throw requested.reason;
}

/** The folder of the notes; undefined, with a warning, when it is not ours alone. */
function openCache({ host, server, port, config }: Remote, given: string | undefined): string | undefined {
  const key = createHash('sha256')
    .update(`${host}:${port ?? 'None'}:${config ?? 'None'}`)
    .digest('hex')
    .slice(0, 16);
  const folder = given ?? join('/tmp', `barman-${server.replaceAll('/', '_')}-${key}`);
  try {
    if (isPrivateFolder(folder)) return folder;
    tellStandardError(`WARNING: '${folder}' is not a folder of our own: nothing is sent ahead\n`);
  } catch (error) {
    tellStandardError(`WARNING: cannot use '${folder}': ${(error as Error).message}: nothing is sent ahead\n`);
  }
  return undefined;
}

function noteOf({ name, identity, size, mtimeNs }: WalSource): string {
  return `${name} ${identity} ${size} ${mtimeNs}`;
}

function readNotes(cache: string): Set<string> {
  try {
    return new Set(readFileSync(join(cache, NOTES), 'utf8').split('\n').filter(Boolean));
  } catch {
    return new Set();
  }
}

/** Of two that write at once one loses its notes: those files are sent again. */
function addNotes(cache: string, sent: readonly WalSource[]): void {
  const lines = [...readNotes(cache), ...sent.map(noteOf)].slice(-MAX_NOTES);
  const temporary = join(cache, `${NOTES}.${process.pid}.tmp`);
  try {
    writeFileSync(temporary, `${lines.join('\n')}\n`, { mode: 0o600 });
    renameSync(temporary, join(cache, NOTES));
  } catch (error) {
    tellStandardError(`WARNING: cannot write '${join(cache, NOTES)}': ${(error as Error).message}\n`);
  }
}

/** The segments behind `file` that PostgreSQL wants archived, without a gap; recycled files end the row. */
function waitingBehind(source: WalSource, file: WalFile, limit: number): WalSource[] {
  const folder = dirname(source.path);
  const status = join(folder, 'archive_status');
  if (!existsSync(status)) {
    tellStandardError(`WARNING: archive_status directory ${status} does not exist; prefetching skipped.\n`);
    return [];
  }
  const found: WalSource[] = [];
  let current: WalFile | undefined = file;
  while (current !== undefined && found.length < limit) {
    const name = nextSegmentName(current, source.size);
    current = parseWalName(name);
    if (current === undefined || !existsSync(join(status, `${name}.ready`)) || !existsSync(join(folder, name))) break;
    const next = openWalFile(join(folder, name));
    const head = Buffer.alloc(64);
    readSync(next.descriptor, head, 0, head.length, 0);
    if (walProblem(current, { size: next.size, head }, null) !== null) {
      closeSync(next.descriptor);
      break;
    }
    found.push(next);
  }
  return found;
}
