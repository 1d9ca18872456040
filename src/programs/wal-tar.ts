/** The put-wal stream: one file, then the list with its checksum. Loaded while ssh connects. */
import { createHash } from 'node:crypto';
import { type TarEntry, tarStream } from '../codec/tar-writer.ts';
import { formatChecksum } from '../domain/text/checksum-list.ts';
import type { WalSource } from './wal-source.ts';

/** Yields the bytes of the stream; `blocks` is the content of the file. */
export function walTar(
  source: WalSource,
  algorithm: 'sha256' | 'md5',
  blocks: () => Iterable<Buffer>,
): AsyncGenerator<Buffer> {
  return tarStream(entries(source, algorithm, blocks));
}

async function* entries(
  { name, size, mode, uid, gid, mtimeNs }: WalSource,
  algorithm: 'sha256' | 'md5',
  blocks: () => Iterable<Buffer>,
): AsyncGenerator<TarEntry> {
  const hash = createHash(algorithm);
  const owner = { type: 'file', uname: '', gname: '' } as const;
  const mtime = `${mtimeNs / 1_000_000_000n}.${String(mtimeNs % 1_000_000_000n).padStart(9, '0')}`;
  const content = async function* () {
    for (const block of blocks()) {
      hash.update(block);
      yield block;
    }
  };
  yield { ...owner, name, size, mode, uid, gid, mtime, content };
  // The file has been written by now.
  const list = Buffer.from(formatChecksum(hash.digest('hex'), name));
  const listName = algorithm === 'md5' ? 'MD5SUMS' : 'SHA256SUMS';
  yield { ...owner, name: listName, size: list.length, mode: 0o644, uid: 0, gid: 0, mtime: '0', content: list };
}
