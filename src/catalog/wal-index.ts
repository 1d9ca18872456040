/**
 * `<server>-xlog.db` as a file: scanned in blocks, appended, repaired, replaced. Whoever calls holds the xlogdb lock.
 * Source: docs/behaviour/wal.md 2.
 */
import { constants, writeSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { chmodIfPossible, makeDirectory, openNoFollow, syncDirectory, unlinkIfPresent } from '../host/files.ts';
import { errnoOf, WalError } from '../domain/errors.ts';
import { formatWalLine, isWholeLine, type WalRecord } from '../domain/wal/xlogdb.ts';
import { modeOf } from './paths.ts';
import { systemReason } from '../host/system-reason.ts';

const BLOCK_BYTES = 512 * 1024;
/** Longer than any line: the names are 40 characters at most, the compressions words. */
const MAX_LINE = 4096;

/**
 * Hands over each line without its newline, and the byte at which it begins, until `onLine` returns false. A last line
 * without a newline is handed over only when it is whole. Characters are bytes. `start` is the byte to begin at.
 * @throws WalError for something that is no index
 */
export async function scanLines(
  path: string,
  onLine: (line: string, position: number) => boolean | void,
  start = 0,
): Promise<void> {
  const handle = await openIndex(path, constants.O_RDONLY);
  try {
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    let rest = '';
    /** Where `rest` begins in the file. */
    let base = start;
    for (;;) {
      const { bytesRead } = await readBlock(handle, block, base + rest.length, path);
      if (bytesRead === 0) break;
      const text = rest + block.toString('latin1', 0, bytesRead);
      let from = 0;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
        if (end > from && onLine(text.slice(from, end), base + from) === false) return;
        from = end + 1;
      }
      rest = text.slice(from);
      base += from;
      if (rest.length > MAX_LINE) throw notAnIndex(path);
    }
    if (isWholeLine(rest)) onLine(rest, base);
  } finally {
    await handle.close();
  }
}

async function readBlock(
  handle: FileHandle,
  block: Buffer,
  position: number,
  path: string,
): Promise<{ readonly bytesRead: number }> {
  try {
    return await handle.read(block, 0, block.length, position);
  } catch (error) {
    const hint = errnoOf(error) === 'EISDIR' ? { hint: anewHint(path) } : {};
    throw new WalError(`cannot read '${path}': ${systemReason(error)}`, { cause: error, ...hint });
  }
}

function notAnIndex(path: string): WalError {
  return new WalError(`'${path}' is not an index of WAL files`, { hint: anewHint(path) });
}

/** What to type when the file is beyond repair; its name is that of the server. */
function anewHint(path: string): string {
  return `move it away, then run "barman rebuild-xlogdb ${basename(path).replace(/-xlog\.db$/, '')}"`;
}

/** True when a line with this name begins at this byte. */
export async function isLineAt(path: string, position: number, name: string): Promise<boolean> {
  const handle = await openIndex(path, constants.O_RDONLY);
  try {
    const wanted = Buffer.from(`\n${name}`, 'latin1').subarray(position === 0 ? 1 : 0);
    const found = Buffer.alloc(wanted.length);
    await readBlock(handle, found, Math.max(0, position - 1), path);
    return found.equals(wanted);
  } finally {
    await handle.close();
  }
}

/** Appends all records or, when that fails, none. Creates the file. */
export async function appendLines(path: string, records: readonly WalRecord[]): Promise<void> {
  const lines = Buffer.from(records.map(formatWalLine).join(''));
  await makeDirectory(dirname(path));
  const isNew = (await modeOf(path)) === undefined;
  const handle = await openIndex(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT);
  try {
    const { size } = await handle.stat();
    try {
      await handle.appendFile(lines);
      await handle.sync();
    } catch (error) {
      await handle.truncate(size);
      throw new WalError(`cannot write '${path}': ${systemReason(error)}`, { cause: error });
    }
  } finally {
    await handle.close();
  }
  if (isNew) await syncDirectory(dirname(path));
}

/** What a last line that was cut short is to become: `undefined` drops it. */
export type Restore = (torn: string) => Promise<WalRecord | undefined>;

export type Repair = 'none' | 'newline' | 'restored' | 'dropped';

/**
 * Ends the last line when a crash kept its writer from it: a whole line gets its newline, any other becomes what `restore`
 * makes of it. Killed on the way, the next call does it again.
 */
export async function repairTail(path: string, restore: Restore): Promise<Repair> {
  const handle = await openIndex(path, constants.O_RDWR);
  try {
    const { size } = await handle.stat();
    const from = Math.max(0, size - MAX_LINE);
    const tail = Buffer.alloc(size - from);
    await handle.read(tail, 0, tail.length, from);
    const lastNewline = tail.lastIndexOf(0x0a);
    if (lastNewline === tail.length - 1) return 'none';
    const torn = tail.toString('latin1', lastNewline + 1);
    const start = from + lastNewline + 1;
    if (lastNewline < 0 && from > 0) throw notAnIndex(path);
    const isWhole = isWholeLine(torn);
    const record = isWhole ? undefined : await restore(torn);
    const line = isWhole ? `${torn}\n` : record === undefined ? '' : formatWalLine(record);
    await handle.write(line, start);
    await handle.truncate(start + line.length);
    await handle.sync();
    return isWhole ? 'newline' : record === undefined ? 'dropped' : 'restored';
  } finally {
    await handle.close();
  }
}

/**
 * Replaces the index by what `produce` writes: after any crash either the old or the new one is there, whole. (Readers and
 * writers of either make open the file after taking the lock, so a new inode is no harm.)
 */
export async function replaceIndex(
  path: string,
  produce: (write: (line: string) => void) => Promise<void>,
): Promise<void> {
  // A name that begins like the index itself is what a rebuild passes over.
  const temporary = `${path}.tmp`;
  await makeDirectory(dirname(path));
  await unlinkIfPresent(temporary);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const handle = await open(temporary, flags, 0o666);
  try {
    const mode = await modeOf(path);
    if (mode !== undefined) await chmodIfPossible(handle, mode);
    const buffer = new LineBuffer(handle);
    await produce((line) => buffer.add(line));
    buffer.flush();
    await handle.sync();
  } catch (error) {
    await handle.close();
    await unlinkIfPresent(temporary);
    if (errnoOf(error) === undefined) throw error;
    throw new WalError(`cannot write '${path}': ${systemReason(error)}`, { cause: error });
  }
  await handle.close();
  try {
    await rename(temporary, path);
  } catch (error) {
    await unlinkIfPresent(temporary);
    const hint = errnoOf(error) === 'EISDIR' ? { hint: anewHint(path) } : {};
    throw new WalError(`cannot write '${path}': ${systemReason(error)}`, { cause: error, ...hint });
  }
  await syncDirectory(dirname(path));
}

/** Gathers lines into writes of a useful size, at once: the scan that feeds it cannot wait. */
class LineBuffer {
  private readonly handle: FileHandle;
  private lines: string[] = [];
  private length = 0;

  constructor(handle: FileHandle) {
    this.handle = handle;
  }

  add(line: string): void {
    this.lines.push(line);
    this.length += line.length;
    if (this.length >= BLOCK_BYTES) this.flush();
  }

  flush(): void {
    const bytes = Buffer.from(this.lines.join(''), 'latin1');
    this.lines = [];
    this.length = 0;
    for (let done = 0; done < bytes.length;) done += writeSync(this.handle.fd, bytes, done);
  }
}

async function openIndex(path: string, flags: number): Promise<FileHandle> {
  try {
    return await openNoFollow(path, flags | constants.O_NONBLOCK, 0o666);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === undefined) throw error;
    const reason = code === 'ELOOP' ? 'it is a symbolic link' : systemReason(error);
    throw new WalError(`cannot open '${path}': ${reason}`, {
      cause: error,
      ...(code === 'ELOOP' ? { hint: 'set xlogdb_directory to the folder that holds the file' } : {}),
      ...(code === 'EISDIR' ? { hint: anewHint(path) } : {}),
    });
  }
}
