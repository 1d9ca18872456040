/**
 * What a server can be recovered to, and what would be lost if its primary died now: from the backups, from the WAL files
 * themselves (xlog.db only says what a stored file should weigh) and from PostgreSQL when it answers.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { listNames } from '../host/files.ts';
import { type BackupInfo, isCopyDone } from '../domain/backup/backup-info.ts';
import { isFull } from '../domain/backup/backup-layout.ts';
import { chainOf } from '../domain/backup/backup-selector.ts';
import {
  coverageOf,
  type Exposure,
  segmentNumber,
  SegmentSet,
  type ServerCoverage,
} from '../domain/recovery/coverage.ts';
import { BarmanError, messageOf, PostgresError, withHint } from '../domain/errors.ts';
import { type Lsn, lsn } from '../domain/wal/lsn.ts';
import type { TimelineSwitch } from '../domain/wal/timeline-history.ts';
import { DEFAULT_SEGMENT_SIZE, lsnOfSegment, parseWalName, type WalFile } from '../domain/wal/wal.ts';
import { isPlain, PLAIN } from '../domain/wal/wal-content.ts';
import { reportDamaged } from '../server/find-backup.ts';
import type { ServerScope } from '../server/scope.ts';
import { archivedForm } from '../wal/content/content.ts';
import { readHistory } from '../wal/timeline-histories.ts';

export async function measureCoverage(scope: ServerScope): Promise<ServerCoverage> {
  const { backups: all, damaged } = await scope.catalog.listBackups();
  reportDamaged(scope, damaged);
  const backups = all.filter((info) => isCopyDone(info) && hasWholeChain(info, all));
  const segmentSize = backups.at(-1)?.xlogSegmentSize ?? DEFAULT_SEGMENT_SIZE;
  const segments = await soundSegments(scope, segmentSize);
  const runs = segments.runs();
  const histories = new Map<number, readonly TimelineSwitch[]>();
  for (const timeline of runs.keys()) {
    const history = await historyOf(scope, timeline);
    if (history !== undefined) histories.set(timeline, history);
  }
  const coverage = coverageOf({ segmentSize, backups, runs, histories });
  const lastWals = coverage.timelines.flatMap(({ windows }) => windows.map(({ lastWal }) => lastWal));
  return {
    ...coverage,
    server: scope.name,
    times: new Map(await Promise.all(lastWals.map(async (name) => [name, await timeOf(scope, name)] as const))),
    exposure: await exposureOf(scope, segments.newest, segmentSize),
  };
}

function hasWholeChain(info: BackupInfo, all: readonly BackupInfo[]): boolean {
  const chain = chainOf(info, all);
  return chain.every(isCopyDone) && chain.slice(-1).every(isFull);
}

async function timeOf({ catalog }: ServerScope, name: string): Promise<number> {
  return ((await catalog.walStore.facts(name))?.mtimeMs ?? 0) / 1000;
}

async function historyOf(scope: ServerScope, timeline: number): Promise<readonly TimelineSwitch[] | undefined> {
  try {
    return await readHistory(scope, timeline);
  } catch (error) {
    scope.output.warning(
      `cannot read the history of timeline ${timeline} of server '${scope.name}': ${messageOf(error)}`,
    );
    return undefined;
  }
}

/** The archived segments that can be what their name says; the others are told and count as missing. */
async function soundSegments(scope: ServerScope, segmentSize: number): Promise<SegmentSet> {
  const listedSize = await listedSizes(scope, segmentSize);
  const sound = new SegmentSet(segmentSize);
  const doubtful: { file: WalFile; bytes: number }[] = [];
  const { walStore } = scope.catalog;
  for await (const file of walStore.list()) {
    if (file.kind !== 'segment') continue;
    // What vanishes meanwhile is passed over.
    const bytes = (await walStore.facts(file.name))?.size;
    if (bytes === undefined) continue;
    const isExpected = bytes > 0 && (bytes === segmentSize || listedSize(file) === bytes);
    if (isExpected) sound.add(file);
    else doubtful.push({ file, bytes });
  }
  for (const { file, bytes } of doubtful) {
    const form = bytes === 0 ? PLAIN : await archivedForm(walStore, file.name, scope.config.customCompressionMagic);
    if (!isPlain(form)) sound.add(file);
    else
      scope.output.warning(
        `'${walStore.locate(file.name)}' has ${bytes} bytes instead of ${segmentSize}: it counts as missing`,
      );
  }
  return sound;
}

/**
 * Sizes of the segments that xlog.db calls compressed or encrypted: of the others the size is known. By their numbers: the
 * names would keep the whole text of the index in memory.
 */
async function listedSizes(scope: ServerScope, segmentSize: number): Promise<(file: WalFile) => number | undefined> {
  const timelines = new Map<number, Map<number, number>>();
  try {
    await scope.catalog.readWals(({ name, size, compression, encryption }) => {
      if (compression === null && encryption === null) return;
      const file = parseWalName(name);
      if (file?.kind !== 'segment') return;
      const sizes = timelines.get(file.timeline) ?? new Map<number, number>();
      timelines.set(file.timeline, sizes.set(segmentNumber(file, segmentSize), size));
    });
  } catch (error) {
    if (!(error instanceof BarmanError)) throw error;
    // The files are what counts.
    scope.output.warning(withHint(error.message, error.hint));
  }
  return (file) => timelines.get(file.timeline)?.get(segmentNumber(file, segmentSize));
}

async function exposureOf(scope: ServerScope, archived: WalFile | null, segmentSize: number): Promise<Exposure | null> {
  if (scope.postgres === null) return null;
  try {
    const { lsn: currentLsn } = await scope.postgres.walPosition();
    const streamed = await streamedLsn(scope);
    const last = await lastReceived(scope, archived);
    const stored = last === null ? 0n : lsnOfSegment(last.file, segmentSize) + BigInt(segmentSize);
    const receivedLsn = lsn(streamed !== null && streamed > stored ? streamed : stored);
    const bytes = currentLsn > receivedLsn ? currentLsn - receivedLsn : 0n;
    const since = last === null ? null : scope.now().getTime() / 1000 - last.time;
    return {
      currentLsn,
      receivedLsn,
      receivedBy: receivedLsn === streamed ? 'streaming' : 'archiving',
      bytes,
      seconds: bytes === 0n ? 0 : since === null ? null : Math.max(since, 0),
    };
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    scope.output.warning(`what would be lost now is not known: ${error.message}`);
    return null;
  }
}

/**
 * What receive-wal has written, as the server knows it; null when it is not connected. Not what it has flushed: that moves
 * once a segment only, and it is the primary that dies, not this host.
 */
async function streamedLsn({ postgres, config }: ServerScope): Promise<Lsn | null> {
  const clients = (await postgres?.replicationClients('wal-streamer')) ?? [];
  const own = clients.find(({ applicationName }) => applicationName === config.streamingArchiverName);
  return own?.writeLsn ?? null;
}

interface Received {
  readonly file: WalFile;
  /** Seconds since 1970. */
  readonly time: number;
}

/** The last complete segment on this host, in the archive or waiting for it. */
async function lastReceived(scope: ServerScope, archived: WalFile | null): Promise<Received | null> {
  const { config } = scope;
  let last: { file: WalFile; path: string | null } | null = archived && { file: archived, path: null };
  const consider = (file: WalFile, path: string) => {
    if (last === null || file.name > last.file.name) last = { file, path };
  };
  for (const directory of [config.incomingWalsDirectory, config.streamingWalsDirectory]) {
    for (const name of await listNames(directory)) {
      const file = parseWalName(name);
      if (file?.kind === 'segment') consider(file, join(directory, name));
    }
  }
  if (last === null) return null;
  const { file, path } = last;
  return { file, time: path === null ? await timeOf(scope, file.name) : (await stat(path)).mtimeMs / 1000 };
}
