/**
 * Members of a tar stream from outside, one after the other, as a hostile sender could make them: nothing is written here,
 * headers are bounded in size and members in number. Errors have Barman's words (docs/behaviour/wal.md 8).
 */
import type { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';
import { BarmanError } from '../domain/errors.ts';

export interface TarMember {
  readonly name: string;
  /** The type as the format writes it: `0` a file, `1` hard link, `2` symbolic link, `5` directory ... */
  readonly type: string;
  /** Bytes. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  /** Where a link leads; '' for what is none. */
  readonly linkname: string;
  /** The byte of the stream at which the content begins. */
  readonly begin: number;
  /** Seconds since 1970, with the fraction of a pax header; null when the header holds no usable number. */
  readonly mtime: number | null;
  /** The content; it must be read to its end before the next member is asked for. */
  readonly content: AsyncIterable<Buffer>;
}

const BLOCK = 512;

const TYPES: Readonly<Record<string, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
  'contiguous-file': '7',
};

/**
 * Reads `source` to its end. @throws BarmanError of level exception for what is no tar stream, or is cut; level error when
 * there are more than `maxMembers`
 */
export async function* readTar(source: Readable, maxMembers: number): AsyncGenerator<TarMember> {
  const tar = extract();
  let bytes = 0;
  const count = (chunk: Buffer) => {
    bytes += chunk.length;
  };
  const fail = (error: Error) => tar.destroy(error);
  const cut = () => {
    if (!source.readableEnded) fail(new Error('Unexpected end of data'));
  };
  if (source.errored) throw source.errored;
  source.on('data', count).on('error', fail).on('close', cut).pipe(tar);
  let members = 0;
  try {
    for await (const entry of tar) {
      members += 1;
      if (members > maxMembers) throw new BarmanError(`more than ${maxMembers} members in the tar stream`);
      yield member(
        entry.header,
        inWords(entry as AsyncIterable<Buffer>, () => bytes),
      );
    }
  } catch (error) {
    throw translated(error, bytes);
  } finally {
    source.off('data', count).off('close', cut).unpipe(tar);
    tar.destroy();
  }
  if (bytes === 0) throw new BarmanError('empty file', { level: 'exception' });
}

/** What the reader of a member's content meets. */
async function* inWords(content: AsyncIterable<Buffer>, bytes: () => number): AsyncGenerator<Buffer> {
  try {
    yield* content;
  } catch (error) {
    throw translated(error, bytes());
  }
}

function member(header: Header, content: AsyncIterable<Buffer>): TarMember {
  const pax = header.pax as Readonly<Record<string, string>> | null | undefined;
  const mtime = pax?.mtime === undefined ? header.mtime.getTime() / 1000 : Number(pax.mtime);
  return {
    name: header.name.replace(/\/$/, ''),
    type: TYPES[header.type] ?? '?',
    size: header.size,
    mode: header.mode & 0o7777,
    linkname: header.linkname ?? '',
    begin: (header as Header & { readonly byteOffset: number }).byteOffset,
    mtime: Number.isFinite(mtime) ? mtime : null,
    content,
  };
}

/** compat 3.20.1: the words of the reference's tar reader. */
function translated(error: unknown, bytes: number): unknown {
  const text = error instanceof Error ? error.message : '';
  const told = (words: string) => new BarmanError(words, { level: 'exception', cause: error });
  if (/unexpected end of data/i.test(text)) return told(bytes < BLOCK ? 'truncated header' : 'unexpected end of data');
  if (/^invalid (tar )?header|max size|^invalid/i.test(text)) return told('invalid header');
  return error;
}
