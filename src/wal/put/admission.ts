/**
 * May a received file have its name in `incoming`? It must be what it says, and no other valid file may have that name, in
 * the queue or in the archive: PostgreSQL drops its own copy as soon as we say yes.
 */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { canDecompress } from '../../codec/compression.ts';
import { linkIfPossible, syncDirectory } from '../../host/files.ts';
import { errnoOf, WalError, withHint } from '../../domain/errors.ts';
import type { WalProblem } from '../../domain/wal/wal-header.ts';
import type { Arrival } from './arrivals.ts';
import { measurePlain, openWal } from '../content/content.ts';
import { contentProblem, examineWal } from '../content/examine.ts';
import { type HeldWal, judgeTwins } from '../content/judge.ts';
import type { PutRun } from './put-run.ts';
import { moveToErrors } from '../rejects/rejects.ts';

/**
 * new: it is to have its name; better: the queue holds one of that name with less in it; known: what is on disk already has
 * all of it, or it has been put there beside.
 */
export type Verdict = 'new' | 'better' | 'known' | 'refused';

export interface Judged {
  readonly arrival: Arrival;
  readonly verdict: Verdict;
}

/** Judges one file; a refusal is reported. A bad file that holds its name is moved to the errors directory. */
export async function judgeArrival(run: PutRun, arrival: Arrival): Promise<Verdict> {
  const { file, handle } = arrival;
  const problem = await problemOf(run, arrival);
  if (problem !== null) {
    const hint =
      problem.kind === 'incomplete' || run.systems.current === null
        ? undefined
        : `type "barman check ${run.scope.name}" and compare the server name in archive_command`;
    run.scope.output.error(withHint(`WAL file '${file.name}' ${problem.text}: refused${run.where}`, hint));
    return 'refused';
  }
  if (file.kind === 'label' && (await handle.stat()).size === 0) {
    run.scope.output.warning(`WAL file '${file.name}' is empty: taken all the same, no recovery reads it${run.where}`);
  }
  // The archiver publishes in the archive before it removes from the queue: in this order nothing slips through.
  const beside = await compareWith(run, arrival, queuedCopy(run, file.name));
  if (beside === 'known' || beside === 'refused') return beside;
  const archived = await compareWith(run, arrival, archivedCopy(run, file.name));
  return archived === 'new' ? beside : archived;
}

/** Where a file of the same name may be already. */
interface Copy {
  readonly standing: 'queued' | 'archived';
  readonly location: string;
  open(): Promise<HeldWal | 'no file' | undefined>;
  /** Makes its name durable. */
  flush(): Promise<void>;
}

function queuedCopy({ scope }: PutRun, name: string): Copy {
  const { incomingWalsDirectory } = scope.config;
  const location = join(incomingWalsDirectory, name);
  const flush = () => syncDirectory(incomingWalsDirectory);
  return { standing: 'queued', location, open: () => openExisting(location), flush };
}

function archivedCopy({ scope }: PutRun, name: string): Copy {
  const { walStore } = scope.catalog;
  const flush = () => walStore.flush([name]);
  return { standing: 'archived', location: walStore.locate(name), open: () => walStore.open(name), flush };
}

async function problemOf({ settings, systems }: PutRun, { file, handle }: Arrival): Promise<WalProblem | null> {
  const stats = await handle.stat({ bigint: true });
  const { problem, compression, encryption } = await examineWal(file, handle, stats, settings, systems.current);
  if (problem !== null || file.kind !== 'segment' || compression === null || compression === 'gzip') return problem;
  if (!canDecompress(compression, settings)) return null;
  return contentProblem(file, await measurePlain(handle, { compression, encryption }, settings), systems.current);
}

async function compareWith(run: PutRun, arrival: Arrival, copy: Copy): Promise<Verdict> {
  const { file } = arrival;
  const existing = await copy.open();
  if (existing === undefined) return 'new';
  const isQueued = copy.standing === 'queued';
  if (existing === 'no file') return isQueued ? setAside(run, arrival, copy, 'is no regular file') : 'new';
  try {
    const came = { handle: arrival.handle, stats: await arrival.handle.stat({ bigint: true }) };
    const judged = await judgeTwins(file, came, existing, copy.standing, run);
    switch (judged.verdict) {
      case 'held':
        return await known(arrival, existing, copy);
      case 'unknown':
        if (judged.isSameTime) return await known(arrival, existing, copy);
        return isQueued ? await setAside(run, arrival, copy, judged.because) : 'new';
      case 'better':
        // In the archive it is the archiver who replaces.
        if (!isQueued) return 'new';
        return judged.isObsolete ? 'better' : await setAside(run, arrival, copy, judged.because);
      case 'different':
        // A partial file is all that its sender has to give at the end of a timeline: it must not stand in the way of the next.
        return file.kind === 'partial' ? await keepBeside(run, arrival, copy) : refuseOther(run, arrival, copy, judged);
    }
  } finally {
    await existing.handle.close();
  }
}

/** The copy may never have been flushed: we answer for it now. */
async function known(arrival: Arrival, existing: HeldWal, copy: Copy): Promise<'known'> {
  await existing.handle.sync();
  await copy.flush();
  await arrival.discard();
  return 'known';
}

async function setAside(run: PutRun, { file }: Arrival, { location }: Copy, because: string): Promise<'new'> {
  const { scope } = run;
  const moved = await moveToErrors(scope.config.errorsDirectory, location, file.name, 'unknown', scope.now());
  scope.output.warning(
    `'${location}' ${because}: replaced by the one that arrived now. Moved to '${moved}'${run.where}`,
  );
  return 'new';
}

/** Two partial files, each with records that the other one lacks: both are kept, and the sender may go on. */
async function keepBeside(run: PutRun, { file, handle, temporary }: Arrival, { location }: Copy): Promise<'known'> {
  const { scope } = run;
  await handle.sync();
  const moved = await moveToErrors(scope.config.errorsDirectory, temporary, file.name, 'duplicate', scope.now());
  scope.output.warning(
    `WAL file '${file.name}' is already there as '${location}', and each holds records that the other one lacks: this one is kept as '${moved}'${run.where}`,
  );
  return 'known';
}

async function openExisting(path: string): Promise<HeldWal | 'no file' | undefined> {
  try {
    const handle = await openWal(path);
    const stats = await handle.stat({ bigint: true });
    if (stats.isFile()) return { handle, stats };
    await handle.close();
    return 'no file';
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'ELOOP') return 'no file';
    throw error;
  }
}

/** compat 3.20.1: the new one goes to the errors directory there, with exit code 0: PostgreSQL then removes its copy. */
function refuseOther(
  run: PutRun,
  { file }: Arrival,
  { location }: Copy,
  { because }: { readonly because: string | null },
): 'refused' {
  const why = because === null ? '' : ` ('${location}' ${because})`;
  run.scope.output.error(
    withHint(
      `WAL file '${file.name}' is already there with another content${why}: refused${run.where}`,
      `two clusters may be archiving to this server; if '${location}' is the wrong one, move it away and PostgreSQL sends its own again`,
    ),
  );
  return 'refused';
}

/** Gives every file its name, flushed; those that were known have lost their temporary name. */
export async function publishArrivals(run: PutRun, judged: readonly Judged[]): Promise<void> {
  const { incomingWalsDirectory } = run.scope.config;
  const fresh = judged.filter(({ verdict }) => verdict === 'new' || verdict === 'better');
  await Promise.all(fresh.map(({ arrival }) => arrival.handle.sync()));
  for (const { arrival, verdict } of fresh) await publish(run, arrival, verdict === 'better');
  if (fresh.length > 0) await syncDirectory(incomingWalsDirectory);
}

/**
 * A link never replaces a file: another put-wal may have published the same name since we looked. Only what holds nothing
 * that this one lacks is replaced, at once.
 */
async function publish(run: PutRun, arrival: Arrival, isBetter: boolean): Promise<void> {
  const target = join(run.scope.config.incomingWalsDirectory, arrival.file.name);
  try {
    if (isBetter || !(await linkIfPossible(arrival.temporary, target))) await rename(arrival.temporary, target);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    if ((await judgeArrival(run, arrival)) === 'known') return;
    throw new WalError(`WAL file '${arrival.file.name}' arrived twice at the same time${run.where}`);
  }
  await arrival.discard();
}
