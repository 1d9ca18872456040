/**
 * Looks at a directory before it is copied: makes the directories of the copy and deals the files out to lists for rsync.
 * Everything is streamed, so memory does not grow with the number of files. Source: docs/behaviour/backup.md 5.4, 5.6.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { chmod, lstat, mkdir } from 'node:fs/promises';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { join } from 'node:path';
import type { ListedEntry } from '../../domain/text/rsync-listing.ts';
import { errnoOf } from '../../domain/errors.ts';

/** Files of one directory that one run of rsync copies. */
export interface FileList {
  /** Names separated by NUL. */
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
  /** The contents must be compared: size and time prove nothing. */
  readonly checksum: boolean;
}

export interface SurveyOptions {
  /** The copy of this directory: it exists. */
  readonly destination: string;
  /** The earlier copy; null for none. */
  readonly reference: string | null;
  /**
   * Files changed at or after this moment (seconds since 1970) may have been written while the earlier copy was made: equal
   * size and time prove nothing.
   */
  readonly safeHorizon: number;
  /** Where the lists go, and how their names begin. */
  readonly listDirectory: string;
  readonly label: string;
  /** In how many lists the files are dealt. */
  readonly lanes: number;
}

/** What one more file costs beside its bytes. */
const FILE_COST = 64 * 1024;
/** Space and time of a directory are ours to use while we copy. */
const OWNER = 0o700;

/** Deals the files of a tree out; lists without a file are left out. */
export async function survey(entries: AsyncIterable<ListedEntry>, options: SurveyOptions): Promise<FileList[]> {
  const safe = lanes(options, false);
  const doubtful = lanes(options, true);
  try {
    for await (const entry of entries) {
      if (entry.type === 'd') await makeDirectory(entry, options.destination);
      else if (entry.type === '-') await leastLoaded((await isDoubtful(entry, options)) ? doubtful : safe).add(entry);
    }
    for (const lane of [...safe, ...doubtful]) await lane.end();
  } catch (error) {
    for (const lane of [...safe, ...doubtful]) lane.destroy();
    throw error;
  }
  return [...safe, ...doubtful].filter(({ files }) => files > 0).map((lane) => lane.list());
}

async function makeDirectory({ path, mode }: ListedEntry, destination: string): Promise<void> {
  const target = path === '.' ? Buffer.from(destination) : below(destination, path);
  await mkdir(target, { recursive: true });
  await chmod(target, mode | OWNER);
}

async function isDoubtful({ path, size, mtime }: ListedEntry, options: SurveyOptions): Promise<boolean> {
  if (options.reference === null || mtime < options.safeHorizon) return false;
  try {
    const facts = await lstat(below(options.reference, path));
    return facts.size === size && Math.floor(facts.mtimeMs / 1000) === mtime;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}

/** A byte-string name below a directory. */
export function below(directory: string, name: string): Buffer {
  return Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')]);
}

function lanes(options: SurveyOptions, checksum: boolean): Lane[] {
  const kind = checksum ? 'check' : 'safe';
  return Array.from(
    { length: options.lanes },
    (_, n) => new Lane(join(options.listDirectory, `${options.label}-${kind}-${n}.list`), checksum),
  );
}

function leastLoaded(all: readonly Lane[]): Lane {
  return all.reduce((least, lane) => (lane.load < least.load ? lane : least));
}

/** One list while it is written; its file is made with its first name. */
class Lane {
  readonly #path: string;
  readonly #checksum: boolean;
  #stream: WriteStream | undefined;
  files = 0;
  bytes = 0;

  constructor(path: string, checksum: boolean) {
    this.#path = path;
    this.#checksum = checksum;
  }

  get load(): number {
    return this.bytes + this.files * FILE_COST;
  }

  async add({ path, size }: ListedEntry): Promise<void> {
    this.#stream ??= createWriteStream(this.#path, { mode: 0o600 });
    this.files += 1;
    this.bytes += size;
    if (!this.#stream.write(listEntry(path), 'latin1')) await once(this.#stream, 'drain');
  }

  async end(): Promise<void> {
    if (this.#stream === undefined) return;
    this.#stream.end();
    await finished(this.#stream);
  }

  destroy(): void {
    this.#stream?.on('error', () => {});
    this.#stream?.destroy();
  }

  list(): FileList {
    return { path: this.#path, files: this.files, bytes: this.bytes, checksum: this.#checksum };
  }
}

/** A name in a list of files: without the dot rsync takes one that begins with `#` or `;` for a comment. */
export function listEntry(path: string): string {
  return `./${path}\0`;
}
