/**
 * What a server can be recovered to, and what would be lost if its primary died now: from the backups, from the WAL files
 * themselves (xlog.db only says what a stored file should weigh) and from PostgreSQL when it answers.
 */
import { isSound } from '../domain/backup/backup-flaw.ts';
import {
  type CoverageFacts,
  coverageOf,
  segmentNumber,
  SegmentSet,
  type ServerCoverage,
} from '../domain/recovery/coverage.ts';
import { BarmanError, messageOf, withHint } from '../domain/errors.ts';
import type { TimelineSwitch } from '../domain/wal/timeline-history.ts';
import { DEFAULT_SEGMENT_SIZE, parseWalName, type WalFile } from '../domain/wal/wal.ts';
import { isPlain, PLAIN } from '../domain/wal/wal-content.ts';
import { reportDamaged, reportFlaws } from '../server/find-backup.ts';
import type { ServerScope } from '../server/scope.ts';
import { archivedForm } from '../wal/content/content.ts';
import { findForeign } from '../wal/content/foreign.ts';
import { readHistory } from '../wal/timeline-histories.ts';
import { measureExposure, timeOf } from './exposure.ts';

export async function measureCoverage(scope: ServerScope): Promise<ServerCoverage> {
  const { backups: all, damaged } = await scope.catalog.listBackups();
  reportDamaged(scope, damaged);
  const flaws = await scope.catalog.flaws();
  reportFlaws(scope, flaws);
  const backups = all.filter((info) => isSound(info, flaws));
  const segmentSize = backups.at(-1)?.xlogSegmentSize ?? DEFAULT_SEGMENT_SIZE;
  const segments = await soundSegments(scope, segmentSize);
  const runs = segments.runs();
  const histories = new Map<number, readonly TimelineSwitch[]>();
  for (const timeline of runs.keys()) {
    const history = await historyOf(scope, timeline);
    if (history !== undefined) histories.set(timeline, history);
  }
  const facts: CoverageFacts = { segmentSize, backups, runs, histories };
  const coverage = coverageOf(facts);
  const lastWals = coverage.timelines.flatMap(({ windows }) => windows.map(({ lastWal }) => lastWal));
  return {
    ...coverage,
    server: scope.name,
    times: new Map(await Promise.all(lastWals.map(async (name) => [name, await timeOf(scope, name)] as const))),
    exposure: await measureExposure(scope, facts, segments),
  };
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
  const foreign = new Set<string>();
  for (const { name, location, problem } of await findForeign(scope)) {
    foreign.add(name);
    scope.output.warning(`'${location}' ${problem}: it counts as missing`);
  }
  for await (const file of walStore.list()) {
    if (file.kind !== 'segment' || foreign.has(file.name)) continue;
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
