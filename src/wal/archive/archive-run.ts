/**
 * One pass of the archiver: its writer into the store, and the files that are stored but not committed yet. A
 * commit makes a group of them durable at once: directories, lines of xlog.db, and only then the end of the sources.
 */
import { lstat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type KnownSystems, openSystems } from '../../catalog/systems.ts';
import type { CodecSettings } from '../../codec/settings.ts';
import { syncDirectory } from '../../host/files.ts';
import { hasHooks } from '../../host/hooks.ts';
import type { Log } from '../../host/log.ts';
import { errnoOf } from '../../domain/errors.ts';
import type { WalRecord } from '../../domain/wal/xlogdb.ts';
import type { WalWriter } from '../../storage/wal-store.ts';
import type { Output } from '../../output/output.ts';
import type { ServerScope } from '../../server/scope.ts';

/** A source file whose content is in the archive. */
export interface StoredWal {
  readonly name: string;
  readonly sourcePath: string;
  readonly inode: bigint;
  /** The line to append; null when xlog.db has it. */
  readonly record: WalRecord | null;
  /** True when source and archived file are one file under two names: waiting for the commit costs no space. */
  readonly isLinked: boolean;
}

/** A file that was told to be incomplete, as it was at the last look. */
export interface GrowingFile {
  readonly inode: bigint;
  readonly state: string;
  /** Since when it has been so, ms of a clock that does not jump. */
  readonly since: number;
  readonly isJudged: boolean;
}

/** By path. */
export type GrowingFiles = Map<string, GrowingFile>;

export interface ArchiveRun {
  readonly scope: ServerScope;
  readonly output: Output;
  /** Logger `barman.wal_archiver`. */
  readonly log: Log;
  readonly writer: WalWriter;
  readonly settings: CodecSettings;
  readonly hasHooks: boolean;
  readonly archived: string[];
  readonly told: GrowingFiles;
  /** What the archive may hold WAL of; asked once. */
  systems(): Promise<KnownSystems>;
  /** Hands over a stored file; commits when enough of them have come together. */
  add(stored: StoredWal): Promise<void>;
  commit(): Promise<void>;
}

/** One commit for so many files. Copies count more: until then they take their space twice. */
const GROUP = 64;
const COPY_WEIGHT = 16;

/** Opens a pass; the caller holds the archive-wal lock. */
export function openRun(scope: ServerScope, told: GrowingFiles = new Map()): ArchiveRun {
  const archived: string[] = [];
  let systems: Promise<KnownSystems> | undefined;
  let group: StoredWal[] = [];
  let weight = 0;
  const runsHooks = hasHooks(scope.config, 'archive');
  const commit = async () => {
    const stored = group;
    group = [];
    weight = 0;
    if (stored.length === 0) return;
    await scope.catalog.walStore.flush(stored.map(({ name }) => name));
    const records = stored.flatMap(({ record }) => (record === null ? [] : [record]));
    if (records.length > 0) await scope.catalog.appendWals(records);
    archived.push(...records.map(({ name }) => name));
    await removeSources(stored);
  };
  return {
    scope,
    output: scope.output,
    log: scope.log.named('barman.wal_archiver'),
    writer: scope.catalog.walStore.writer(),
    // A copy: a passphrase that was refused in one pass is asked for again in the next.
    settings: { ...scope.codecs },
    hasHooks: runsHooks,
    archived,
    told,
    systems: () => (systems ??= openSystems(scope.catalog)),
    add: async (stored) => {
      group.push(stored);
      weight += stored.isLinked ? 1 : COPY_WEIGHT;
      if (weight >= GROUP) await commit();
    },
    commit,
  };
}

async function removeSources(stored: readonly StoredWal[]): Promise<void> {
  for (const { sourcePath, inode } of stored) {
    try {
      // A file that was sent again meanwhile is another one: the next run looks at it.
      if ((await lstat(sourcePath, { bigint: true })).ino === inode) await unlink(sourcePath);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
  for (const directory of new Set(stored.map(({ sourcePath }) => dirname(sourcePath)))) await syncDirectory(directory);
}
