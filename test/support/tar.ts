/** Tar streams as a client sends them, and as a hostile one would. */
import { createHash } from 'node:crypto';
import { pack } from 'tar-stream';

export interface Member {
  readonly name: string;
  readonly content?: string | Uint8Array;
  readonly type?: 'file' | 'symlink' | 'link' | 'directory' | 'character-device' | 'block-device' | 'fifo';
  readonly linkname?: string;
  /** Seconds since 1970, with a fraction. */
  readonly mtime?: number;
}

/** The bytes of a whole stream. */
export async function tarOf(members: readonly Member[]): Promise<Buffer> {
  const stream = pack();
  const chunks: Buffer[] = [];
  const end = (async () => {
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  })();
  for (const { name, content = '', type = 'file', linkname = '', mtime } of members) {
    const time = mtime === undefined ? {} : { mtime: new Date(mtime * 1000), pax: { mtime: String(mtime) } };
    const header = { name, type, ...(linkname === '' ? {} : { linkname }), ...time };
    // One after the other: what waits is written by recursion, which thousands of members are too many for.
    await new Promise((resolve) => stream.entry(header, type === 'file' ? Buffer.from(content) : '', resolve));
  }
  stream.finalize();
  await end;
  return Buffer.concat(chunks);
}

/** The list of checksums that belongs to these files. */
export function sumsOf(
  files: Readonly<Record<string, string | Uint8Array>>,
  algorithm: 'sha256' | 'md5' = 'sha256',
): Member {
  const lines = Object.entries(files).map(
    ([name, content]) => `${createHash(algorithm).update(content).digest('hex')} *${name}\n`,
  );
  return { name: algorithm === 'sha256' ? 'SHA256SUMS' : 'MD5SUMS', content: lines.join('') };
}

/** What barman-wal-archive sends for these files. */
export function walTar(
  files: Readonly<Record<string, string | Uint8Array>>,
  algorithm?: 'sha256' | 'md5',
  mtime = 1_795_228_851.669_583_8,
): Promise<Buffer> {
  const members = Object.entries(files).map(([name, content]) => ({ name, content, mtime }));
  return tarOf([...members, sumsOf(files, algorithm)]);
}
