/**
 * What would be lost if the primary died now: what lies between its position and the end of what can be recovered, with
 * the WAL that waits to be archived and what receive-wal is writing, as far as these go on without a hole.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CoverageFacts,
  coverageOf,
  type Exposure,
  lastWindow,
  type RecoveryWindow,
  type SegmentSet,
} from '../domain/recovery/coverage.ts';
import { errnoOf, PostgresError, WalError } from '../domain/errors.ts';
import { type Lsn, lsn } from '../domain/wal/lsn.ts';
import { parseTimelineHistory, type TimelineSwitch } from '../domain/wal/timeline-history.ts';
import { lsnOfSegment, parseWalName, segmentOfLsn, timelineName, type WalFile } from '../domain/wal/wal.ts';
import { detectForm, isPlain } from '../domain/wal/wal-content.ts';
import { listNames } from '../host/files.ts';
import type { ServerScope } from '../server/scope.ts';
import { openWal, readHead } from '../wal/content/content.ts';

/** `archived` gains the segments that wait. */
export async function measureExposure(
  scope: ServerScope,
  facts: CoverageFacts,
  archived: SegmentSet,
): Promise<Exposure | null> {
  if (scope.postgres === null) return null;
  try {
    const { lsn: currentLsn, fileName } = await scope.postgres.walPosition();
    const streamed = await streamedLsn(scope);
    const timeline = timelineOf(fileName);
    const waiting = await waitingSegments(scope, facts.segmentSize);
    const newest = waiting.reduce(
      (last, { file }) => (last === null || file.name > last.name ? file : last),
      archived.newest,
    );
    for (const { file } of waiting) archived.add(file);
    const partial =
      streamed === null ? undefined : partialOf(streamed, timeline ?? newest?.timeline ?? 1, archived, facts);
    if (partial !== undefined) archived.add(partial);

    const window = lastWindow(coverageOf(await withWaiting(scope, facts, archived, timeline)), timeline);
    const recoverableLsn = window === undefined ? null : endOf(window, partial, streamed, facts.segmentSize);
    const stored = newest === null ? 0n : segmentEnd(newest, facts.segmentSize);
    const receivedLsn = lsn(streamed !== null && streamed > stored ? streamed : stored);
    const from = recoverableLsn ?? 0n;
    const bytes = currentLsn > from ? currentLsn - from : 0n;
    return {
      currentLsn,
      recoverableLsn,
      receivedLsn,
      receivedBy: receivedLsn === streamed ? 'streaming' : 'archiving',
      bytes,
      seconds:
        bytes === 0n
          ? 0
          : await secondsSince(scope, recoverableLsn === null ? undefined : window, partial, waiting, facts),
    };
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    scope.output.warning(`what would be lost now is not known: ${error.message}`);
    return null;
  }
}

/** When the file was written, seconds since 1970; 0 when it is not there. */
export async function timeOf({ catalog }: ServerScope, name: string): Promise<number> {
  return ((await catalog.walStore.facts(name))?.mtimeMs ?? 0) / 1000;
}

function timelineOf(fileName: string | null): number | null {
  return (fileName === null ? undefined : parseWalName(fileName)?.timeline) ?? null;
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

/** The segment that is being streamed; undefined where there is none, or where all of it is here in another way. */
function partialOf(
  streamed: Lsn,
  timeline: number,
  complete: SegmentSet,
  { segmentSize }: CoverageFacts,
): WalFile | undefined {
  if (streamed % BigInt(segmentSize) === 0n) return undefined;
  const file = parseWalName(segmentOfLsn(timeline, streamed, segmentSize).name);
  return file === undefined || complete.has(file) ? undefined : file;
}

/** Where a recovery can go to; null when what was streamed does not make one of the backups consistent yet. */
function endOf(
  { backups, lastWal }: RecoveryWindow,
  partial: WalFile | undefined,
  streamed: Lsn | null,
  segmentSize: number,
): Lsn | null {
  const last = parseWalName(lastWal);
  if (last === undefined) return null;
  const end = streamed !== null && lastWal === partial?.name ? streamed : segmentEnd(last, segmentSize);
  return backups.some(({ endXlog }) => endXlog === null || endXlog <= end) ? end : null;
}

function segmentEnd(file: WalFile, segmentSize: number): Lsn {
  return lsn(lsnOfSegment(file, segmentSize) + BigInt(segmentSize));
}

interface Waiting {
  readonly file: WalFile;
  /** Seconds since 1970. */
  readonly time: number;
}

/** The complete segments that have come and are not archived yet. */
async function waitingSegments({ config }: ServerScope, segmentSize: number): Promise<readonly Waiting[]> {
  const waiting: Waiting[] = [];
  for (const directory of [config.incomingWalsDirectory, config.streamingWalsDirectory]) {
    for (const name of await listNames(directory)) {
      const file = parseWalName(name);
      if (file?.kind !== 'segment') continue;
      const time = await timeOfWhole(join(directory, name), segmentSize, config.customCompressionMagic);
      if (time !== null) waiting.push({ file, time });
    }
  }
  return waiting;
}

/** null for a file that is not all there: it is being written, was cut, or is gone by now. */
async function timeOfWhole(path: string, segmentSize: number, customMagic: string | null): Promise<number | null> {
  try {
    const handle = await openWal(path);
    try {
      const { size, mtimeMs } = await handle.stat();
      const isWhole = size === segmentSize || (size > 0 && !isPlain(detectForm(await readHead(handle), customMagic)));
      return isWhole ? mtimeMs / 1000 : null;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return null;
  }
}

/** With what waits; the history of the primary's timeline may wait, too. */
async function withWaiting(
  scope: ServerScope,
  facts: CoverageFacts,
  segments: SegmentSet,
  timeline: number | null,
): Promise<CoverageFacts> {
  const runs = segments.runs();
  if (timeline === null || facts.histories.has(timeline)) return { ...facts, runs };
  const history = await waitingHistory(scope, timeline);
  return {
    ...facts,
    runs,
    histories: history === null ? facts.histories : new Map([...facts.histories, [timeline, history]]),
  };
}

async function waitingHistory({ config }: ServerScope, timeline: number): Promise<readonly TimelineSwitch[] | null> {
  const name = `${timelineName(timeline)}.history`;
  for (const directory of [config.incomingWalsDirectory, config.streamingWalsDirectory]) {
    try {
      return parseTimelineHistory(await readFile(join(directory, name), 'utf8'), name);
    } catch (error) {
      if (!(error instanceof WalError) && errnoOf(error) === undefined) throw error;
    }
  }
  return null;
}

/** Since the last complete segment of what can be recovered; null when nobody knows. */
async function secondsSince(
  scope: ServerScope,
  window: RecoveryWindow | undefined,
  partial: WalFile | undefined,
  waiting: readonly Waiting[],
  { segmentSize }: CoverageFacts,
): Promise<number | null> {
  let last = window === undefined ? undefined : parseWalName(window.lastWal);
  if (last !== undefined && last.name === partial?.name) {
    const position = lsnOfSegment(last, segmentSize);
    last =
      position === 0n ? undefined : parseWalName(segmentOfLsn(last.timeline, lsn(position - 1n), segmentSize).name);
  }
  if (last === undefined) return null;
  const { name } = last;
  const time = waiting.find(({ file }) => file.name === name)?.time ?? (await timeOf(scope, name));
  return time === 0 ? null : Math.max(scope.now().getTime() / 1000 - time, 0);
}
