/**
 * A tar stream as Python's tarfile writes it: ustar headers, with pax records for what they cannot hold (the fraction of a
 * second, long names, large numbers), filled up to whole records. Memory does not grow with files or their number.
 */
import { pack, type Pack } from 'tar-stream';
import { BackupError } from '../domain/errors.ts';

type Sink = ReturnType<Pack['entry']>;
type EntryHeader = Parameters<Pack['entry']>[0];

export interface TarEntry {
  /** Relative; without a slash at the end. */
  readonly name: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  /** Seconds since 1970 as Python prints them; with a fraction it becomes a pax record. */
  readonly mtime: string;
  /** Where a symbolic link leads. */
  readonly linkname?: string;
  /** Bytes of `content`. */
  readonly size: number;
  readonly content?: Buffer | (() => AsyncIterable<Buffer>);
}

const RECORD = 10_240;
/** What seven octal digits of a header hold. */
const LARGEST_ID = 0o7777777;

/** The bytes of the archive. @throws BackupError for a file that ends before or after its size */
export async function* tarStream(entries: AsyncIterable<TarEntry>): AsyncGenerator<Buffer> {
  const tar = pack();
  const writing = write(tar, entries).then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  let bytes = 0;
  try {
    for await (const chunk of tar as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      yield chunk;
    }
  } finally {
    tar.destroy();
    await writing;
  }
  if (bytes % RECORD !== 0) yield Buffer.alloc(RECORD - (bytes % RECORD));
}

async function write(tar: Pack, entries: AsyncIterable<TarEntry>): Promise<void> {
  for await (const entry of entries) await writeEntry(tar, entry);
}

async function writeEntry(tar: Pack, entry: TarEntry): Promise<void> {
  let failure: Error | undefined;
  const { sink, ended } = open(tar, entry);
  const fail = (error: unknown) => {
    failure = error instanceof Error ? error : new Error(String(error));
    sink.destroy(failure);
  };
  try {
    let bytes = 0;
    for await (const block of contentOf(entry)) {
      bytes += block.length;
      if (bytes > entry.size) break;
      if (!sink.write(block)) await room(sink);
      // Destroyed under our hands: the reader of the archive went away.
      if (tar.destroyed) return;
    }
    if (bytes !== entry.size) throw new BackupError(`'${entry.name}' changed while it was read`);
    if (entry.type === 'file') sink.end(null);
  } catch (error) {
    fail(error);
  }
  await ended.catch((error: unknown) => {
    throw failure ?? error;
  });
}

function open(tar: Pack, entry: TarEntry): { readonly sink: Sink; readonly ended: Promise<void> } {
  let sink: Sink | undefined;
  const ended = new Promise<void>((resolve, reject) => {
    sink = tar.entry(header(entry), (error) => (error ? reject(error) : resolve()));
  });
  // Nobody awaits it when the reader of the archive went away.
  ended.catch(() => {});
  if (sink === undefined) throw new Error('the archive takes no more entries');
  // Judged by `ended`.
  sink.on('error', () => {});
  return { sink, ended };
}

async function* contentOf({ content }: TarEntry): AsyncGenerator<Buffer> {
  if (Buffer.isBuffer(content)) yield content;
  else if (content !== undefined) yield* content();
}

function room(sink: Sink): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      sink.off('drain', go).off('close', go);
      resolve();
    };
    sink.on('drain', go).on('close', go);
  });
}

/** `size` counts for files only. */
function header({ type, mode, uid, gid, uname, gname, mtime, size, ...entry }: TarEntry): EntryHeader {
  const pax: Record<string, string> = {
    ...(/\.0$|^\d+$/.test(mtime) ? {} : { mtime }),
    ...(uid > LARGEST_ID ? { uid: String(uid) } : {}),
    ...(gid > LARGEST_ID ? { gid: String(gid) } : {}),
  };
  return {
    // With the slash that tar(1) and Python put there.
    name: type === 'directory' ? `${entry.name}/` : entry.name,
    type,
    mode,
    uid: uid > LARGEST_ID ? 0 : uid,
    gid: gid > LARGEST_ID ? 0 : gid,
    uname,
    gname,
    mtime: new Date(Math.floor(Number(mtime)) * 1000),
    size: type === 'file' ? size : 0,
    ...(entry.linkname === undefined ? {} : { linkname: entry.linkname }),
    ...(Object.keys(pax).length === 0 ? {} : { pax }),
  };
}
