/** The file of an import as a stream of members, whatever it is compressed with, read to its last byte. */
import type { Duplex } from 'node:stream';
import { PassThrough, Transform } from 'node:stream';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { decompressor } from '../../codec/compression.ts';
import { detectFileForm } from '../../codec/file-form.ts';
import type { CodecSettings } from '../../codec/settings.ts';
import { readTar, type TarMember } from '../../codec/tar-reader.ts';
import { EXPORT_COMPRESSIONS } from '../../domain/codecs.ts';
import { BackupError, CommandError, errnoOf, messageOf } from '../../domain/errors.ts';

const BLOCK = 512;
/** Two blocks of zeros end an archive. */
const END_MARKER = 2 * BLOCK;
const ZEROS = Buffer.alloc(1 << 20);

/** @throws BackupError for damage: the archive ends early, or something stands behind its end */
export async function* membersOf(
  path: string,
  size: number,
  settings: CodecSettings,
  maxMembers: number,
): AsyncGenerator<TarMember> {
  const { compression: format } = await detectFileForm(path);
  if (format !== null && !EXPORT_COMPRESSIONS.some((name) => name === format))
    throw new BackupError(`'${path}' is compressed with ${format}`);
  const unpacker: Duplex = format === null ? new PassThrough() : decompressor(format, settings);
  const ending = new Ending();
  const source = createReadStream(path, { highWaterMark: 512 * 1024 });
  // An error of any of them reaches the reader of the last.
  pipeline(source, unpacker, ending.stream, () => {});
  let end = 0;
  try {
    for await (const member of readTar(ending.stream, maxMembers)) {
      end = member.begin + Math.ceil(member.size / BLOCK) * BLOCK;
      yield member;
    }
    ending.judge(end);
    const read = 'bytesWritten' in unpacker && format === 'gzip' ? Number(unpacker.bytesWritten) : size;
    if (read !== size) throw damaged('something stands behind the end of the compressed data');
  } finally {
    source.destroy();
    unpacker.destroy();
    ending.stream.destroy();
  }
}

/** An error of the unpacker in words. */
export function inWords(error: unknown): unknown {
  const isUnpacking = error instanceof CommandError || errnoOf(error)?.startsWith('Z_') === true;
  return isUnpacking ? damaged(`it cannot be decompressed: ${messageOf(error)}`) : error;
}

function damaged(what: string): BackupError {
  return new BackupError(`Tarball is damaged: ${what}`, { level: 'exception' });
}

/** Remembers where the last byte is that is not zero. */
class Ending {
  readonly stream: Transform;
  private total = 0;
  private content = 0;

  constructor() {
    this.stream = new Transform({
      transform: (chunk: Buffer, _encoding, next) => {
        if (!chunk.equals(ZEROS.subarray(0, chunk.length))) {
          let last = chunk.length - 1;
          while (chunk[last] === 0) last -= 1;
          this.content = this.total + last + 1;
        }
        this.total += chunk.length;
        next(null, chunk);
      },
    });
  }

  /** `end` is where the last member ends. */
  judge(end: number): void {
    if (this.content > end) throw damaged('something stands behind the end of the archive');
    if (this.total < end + END_MARKER) throw damaged('the end of the archive is missing');
  }
}
