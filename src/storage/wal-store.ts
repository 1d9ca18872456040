/**
 * The port of archived WAL files: what can hold them, whatever it is. It knows names and bytes; which of them are listed
 * is the index, which stays with the catalog, and how they are compressed or encrypted is the affair of the archiver. A
 * name that is no WAL name is refused by every verb (WalError), before anything is touched.
 * Every implementation passes test/support/wal-store-conformance.ts.
 */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { WalError } from '../domain/errors.ts';
import type { WalFile } from '../domain/wal/wal.ts';
import type { WalRecord } from '../domain/wal/xlogdb.ts';

export interface WalStore {
  /** Where the file is or would be, for messages and hook scripts. */
  locate(name: string): string;
  /**
   * The file as one of this host, for programs that must be given a path; null where the store has none. Directories
   * only: who asks for it says what he does without.
   */
  localPath(name: string): string | null;

  /** True when something has this name, whatever it is. */
  has(name: string): Promise<boolean>;
  /** What is known without reading; links are not followed. Undefined when nothing has this name. */
  facts(name: string): Promise<WalFacts | undefined>;
  /** What its index line should say: size, time, and the form that its first bytes tell. Undefined for no regular file. */
  describe(name: string): Promise<WalRecord | undefined>;
  /**
   * The stored bytes, to be read at any position and by programs that are handed the descriptor; a store elsewhere fetches
   * them into a file without a name. The caller closes it. Links are not followed.
   */
  open(name: string): Promise<OpenWal | 'no file' | undefined>;

  /** Segments, labels and history files in the order of an index: that of names, a log's files in its place. */
  list(options?: ListOptions): AsyncIterable<WalFile>;
  /**
   * The groups that files are kept in, hash directories by name, with a text that changes when a file of the group comes or
   * goes; '' where that may not be told yet. History files are in none.
   */
  groups(): Promise<ReadonlyMap<string, string>>;
  /** The highest plain segment of each timeline, in timeline order. */
  lastOfTimelines(): Promise<ReadonlyMap<number, string>>;

  /** One pass of the archiver, who holds its lock: what dead passes left unfinished is removed on the way. */
  writer(): WalWriter;
  /**
   * Gives a complete, flushed file of this host its name here, if nothing has it: false otherwise. Never over another
   * file, also while an archiver is at work. The source stays; `flush` makes it durable.
   */
  adopt(name: string, source: string): Promise<boolean>;
  /** Makes durable that these names are there: once for a group of files. */
  flush(names: Iterable<string>): Promise<void>;

  /** Removes named files and nothing else. */
  removal(): WalRemoval;
}

export interface WalFacts {
  /** False for a link, a directory, a device. */
  readonly isFile: boolean;
  readonly size: number;
  /** Modification time, milliseconds since 1970. */
  readonly mtimeMs: number;
  /** When it got its name, milliseconds since 1970. */
  readonly namedMs: number;
}

export interface OpenWal {
  readonly handle: FileHandle;
  readonly stats: BigIntStats;
}

export interface ListOptions {
  /** Only names from the one to the other (of one timeline); nothing else is looked at. */
  readonly between?: { readonly begin: WalFile; readonly end: WalFile };
  /** Told of what is there and not listed. Without it, what cannot be read is thrown. */
  readonly onMisplaced?: (thing: Misplaced) => void;
}

/** Something in the store that is no archived WAL file. */
export interface Misplaced {
  readonly name: string;
  readonly location: string;
  readonly reason: 'file' | 'temporary' | 'directory' | 'link' | 'special';
  /** Where a WAL file of this name belongs, when that is the trouble. */
  readonly belongs?: string;
  /** Part of the store that cannot be read. */
  readonly error?: WalError;
}

export interface WalWriter {
  /** As `has`, asked for each file of a pass: the answer comes from a listing that this pass made. */
  has(name: string): Promise<boolean>;
  /** Writes and flushes the content, under no name yet. Several files may be prepared at once. */
  prepare(wal: NewWal): Promise<PreparedWal>;
  /** Hands what has this name to `move`, as a file of this host that it moves away: then the name is free. */
  takeOut<T>(name: string, move: (path: string) => Promise<T>): Promise<T>;
}

/** A file for the store, and what to make of it. */
export interface NewWal {
  readonly name: string;
  /** A file of this host; the stored one gets its time and permissions. */
  readonly source: { readonly handle: FileHandle; readonly path: string; readonly stats: BigIntStats };
  /** The content is that of the source: a second name for it will do. */
  readonly isSource: boolean;
  /** Writes the content into an empty file of this host, open for reading too. */
  readonly write: (target: FileHandle) => Promise<void>;
}

/** A file on its way into the store: its content is on disk, but not under its name. */
export interface PreparedWal {
  /**
   * Gives it its name, all at once; `flush` makes that durable. @throws an error with the code EEXIST when something has the
   * name, which stays as it is
   */
  publish(): Promise<PublishedWal>;
  /** Forgets what was not published. */
  discard(): Promise<void>;
}

export interface PublishedWal {
  /** Bytes as stored. */
  readonly size: number;
  /** Its modification time, as the store has it: that of the source may be finer. */
  readonly mtimeNs: bigint;
  /** True when source and stored file are one file under two names: waiting for the commit costs no space. */
  readonly isLinked: boolean;
}

export interface WalRemoval {
  /** False when it was gone already. May be called for several files at once. */
  remove(name: string): Promise<boolean>;
  /** Makes durable what was removed, also after a failure. */
  settle(): Promise<void>;
}
