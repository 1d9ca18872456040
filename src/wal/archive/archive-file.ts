/** What happens to one file of a queue: stored, dropped as an identical twin, rejected, or left for later. */
import type { BigIntStats } from 'node:fs';
import { type FileHandle, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runHooks, walHookVariables } from '../../host/hooks.ts';
import { BarmanError, errnoOf, HookAbortError, messageOf, WalError } from '../../domain/errors.ts';
import type { WalFile } from '../../domain/wal/wal.ts';
import type { WalProblem } from '../../domain/wal/wal-header.ts';
import { type WalRecord, walTime } from '../../domain/wal/xlogdb.ts';
import type { PreparedWal } from '../../storage/wal-store.ts';
import type { ArchiveRun, GrowingFile } from './archive-run.ts';
import { openWal } from '../content/content.ts';
import { examineWal } from '../content/examine.ts';
import type { Queue } from './queue.ts';
import { moveToErrors } from '../rejects/rejects.ts';
import { newWal, recordOf, type StoreRequest } from './stored-form.ts';
import { judgeTwin } from './twins.ts';
import type { QueuedWal } from './queued-wal.ts';

/** A file that is too short is given this long after its last change before it is taken to be damaged, ms. */
const GROWING = 60_000;
/** A file that was growing and does so no more after this time is looked at again, ms. */
const STANDSTILL = 2_000;

/** A file that was looked at, and whose archived content is written where that can be done ahead of its turn. */
export interface ReadyFile {
  /** Stores it, drops it as a twin, or rejects it. */
  readonly finish: () => Promise<void>;
  /** For a file whose turn does not come. */
  readonly drop: () => Promise<void>;
}

const NOTHING_TO_DO: ReadyFile = { finish: async () => {}, drop: async () => {} };

/** Looks at one file and writes its archived content. @throws WalError when that fails */
export async function beginFile(run: ArchiveRun, queue: Queue, file: WalFile): Promise<ReadyFile> {
  const path = join(queue.directory, file.name);
  const handle = await openQueued(run, path, file).catch((error: unknown) => {
    throw failure(run, queue, file, error);
  });
  if (handle === undefined) return NOTHING_TO_DO;
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw failure(run, queue, file, error);
    }
  };
  let prepared: PreparedWal | undefined;
  const close = async () => {
    await prepared?.discard();
    await handle.close();
  };
  try {
    return await guarded(async () => {
      const stats = await handle.stat({ bigint: true });
      const examined = await examineWal(file, handle, stats, run.settings, (await run.systems()).current);
      const { problem, compression, encryption } = examined;
      const queued: QueuedWal = { file, path, handle, stats, form: { compression, encryption } };
      // A script may change its mind about anything until its turn comes.
      if (problem === null && !run.hasHooks) prepared = await prepareNew(run, queued);
      const work = async () => {
        if (problem !== null) await refuse(run, queue, file, stats, problem);
        else if (run.hasHooks) await withHooks(run, queued, () => place(run, queued));
        else await place(run, queued, prepared);
      };
      const finish = async () => {
        try {
          await guarded(work);
        } finally {
          await close();
        }
      };
      return { finish, drop: close };
    });
  } catch (error) {
    await close();
    throw error;
  }
}

/** Undefined for a file whose name is in the archive: that is decided in its turn. */
async function prepareNew(run: ArchiveRun, queued: QueuedWal): Promise<PreparedWal | undefined> {
  if (await run.writer.has(queued.file.name)) return undefined;
  return run.writer.prepare(newWal(storeRequest(run, queued)));
}

async function openQueued(run: ArchiveRun, path: string, file: WalFile): Promise<FileHandle | undefined> {
  try {
    return await openWal(path);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT') {
      run.log.warning(`WAL file ${file.name} vanished before it was archived`);
      return undefined;
    }
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
    run.output.error(`cannot read WAL file '${path}': ${messageOf(error)}`);
    return undefined;
  }
}

/** The files of a queue without those that are still growing since that was told. */
export async function withoutTold(run: ArchiveRun, queue: Queue): Promise<readonly WalFile[]> {
  if (run.told.size === 0) return queue.files;
  const files: WalFile[] = [];
  for (const file of queue.files) {
    const path = join(queue.directory, file.name);
    const told = run.told.get(path);
    const stats = told === undefined ? undefined : await stat(path, { bigint: true }).catch(() => undefined);
    if (told === undefined || stats === undefined || !mayBeGrowing(run, stats)) files.push(file);
    else if (isWorthALook(run, path, told, stats)) files.push(file);
  }
  return files;
}

/** It has the size of a whole segment, or has stood still for a while, and was not judged as it is. */
function isWorthALook(run: ArchiveRun, path: string, told: GrowingFile, stats: BigIntStats): boolean {
  const now = performance.now();
  const state = stateOf(stats);
  const known = state === told.state ? told : { inode: stats.ino, state, since: now, isJudged: false };
  run.told.set(path, known);
  return !known.isJudged && (isSegmentSize(stats.size) || now - known.since >= STANDSTILL);
}

function isSegmentSize(size: bigint): boolean {
  return size >= 1n << 20n && (size & (size - 1n)) === 0n;
}

function mayBeGrowing(run: ArchiveRun, stats: BigIntStats): boolean {
  return Math.abs(run.scope.now().getTime() - Number(stats.ctimeMs)) < GROWING;
}

function stateOf(stats: BigIntStats): string {
  return `${stats.ino} ${stats.size} ${stats.ctimeNs}`;
}

/** compat 3.20.1: an empty or cut segment is archived there as it is. */
async function refuse(
  run: ArchiveRun,
  queue: Queue,
  file: WalFile,
  stats: BigIntStats,
  problem: WalProblem,
): Promise<void> {
  const { scope } = run;
  const what = `WAL file '${file.name}' of server '${scope.name}' ${problem.text}`;
  const path = join(queue.directory, file.name);
  if (problem.kind === 'incomplete' && mayBeGrowing(run, stats)) {
    // Once for each file, however often it has grown since.
    const isKnown = run.told.get(path)?.inode === stats.ino;
    run.told.set(path, { inode: stats.ino, state: stateOf(stats), since: performance.now(), isJudged: true });
    if (!isKnown) run.output.warning(`${what}: it stays in '${queue.directory}' until it is complete`);
    return;
  }
  const target = await moveToErrors(scope.config.errorsDirectory, path, file.name, 'unknown', run.scope.now());
  run.output.warning(`${what}: it is not archived. Moved to '${target}'`);
}

/** The source goes with the next commit. */
async function place(run: ArchiveRun, queued: QueuedWal, prepared?: PreparedWal): Promise<WalRecord | undefined> {
  const { file, path, stats } = queued;
  if (file.kind === 'label' && stats.size === 0n) {
    run.output.warning(
      `WAL file '${file.name}' of server '${run.scope.name}' is empty: archived all the same, no recovery reads it`,
    );
  }
  const source = { name: file.name, sourcePath: path, inode: stats.ino };
  if (await run.writer.has(file.name)) {
    const verdict = await judgeTwin(run, queued);
    if (verdict === 'kept') return undefined;
    if (verdict !== 'replaced') {
      const record = verdict.isListed ? null : verdict.record;
      await run.add({ ...source, record, isLinked: false });
      return undefined;
    }
  }
  const request = storeRequest(run, queued);
  const published = await (prepared ?? (await run.writer.prepare(newWal(request)))).publish();
  const record = recordOf(request, published);
  await run.add({ ...source, record, isLinked: published.isLinked });
  return record;
}

function storeRequest(run: ArchiveRun, queued: QueuedWal): StoreRequest {
  return {
    file: queued.file,
    source: queued.handle,
    sourcePath: queued.path,
    stats: queued.stats,
    sourceForm: queued.form,
    compression: run.scope.config.compression,
    encryption: run.scope.config.encryption,
    settings: run.settings,
  };
}

/** The post scripts see a file that is archived for good; they run after a failure too, with BARMAN_ERROR. */
async function withHooks(
  run: ArchiveRun,
  queued: QueuedWal,
  body: () => Promise<WalRecord | undefined>,
): Promise<void> {
  const { scope } = run;
  const { walStore } = scope.catalog;
  const { file, path, stats, form } = queued;
  const before: WalRecord = {
    name: file.name,
    size: Number(stats.size),
    time: walTime(stats.mtimeNs),
    ...form,
  };
  try {
    await runHooks(scope, scope.config, 'archive', 'pre', walHookVariables(before, path));
  } catch (error) {
    if (error instanceof HookAbortError) {
      run.log.warning(
        `Archiving of ${scope.name}/${file.name} aborted by pre_archive_retry_script.Reason: ${error.message}`,
      );
    }
    throw error;
  }
  const after = (record: WalRecord, error: string | null) =>
    runHooks(scope, scope.config, 'archive', 'post', walHookVariables(record, walStore.locate(file.name), error));
  let record: WalRecord | undefined;
  try {
    record = await body();
    await run.commit();
  } catch (error) {
    await after(before, messageOf(error));
    throw error;
  }
  if (record !== undefined) await after(record, null);
}

function failure(run: ArchiveRun, queue: Queue, file: WalFile, error: unknown): unknown {
  // An abort is a word or an AbortError; what is no system error and not ours is a bug.
  if (
    error instanceof HookAbortError ||
    (!(error instanceof BarmanError) && errnoOf(error)?.startsWith('E') !== true)
  ) {
    return error;
  }
  const isFull = errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT';
  const next = `it stays in '${queue.directory}' and the next archive-wal tries again`;
  const own = error instanceof BarmanError ? error.hint : undefined;
  const hint = isFull ? `make space in '${run.scope.catalog.layout.walsDirectory}'; ${next}` : (own ?? next);
  return new WalError(`cannot archive WAL file '${file.name}' of server '${run.scope.name}': ${messageOf(error)}`, {
    cause: error,
    hint,
  });
}
