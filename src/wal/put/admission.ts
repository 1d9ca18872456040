/**
 * May a received file have its name in `incoming`? It must be what it says, and no other valid file may have that name, in
 * the queue or in the archive: PostgreSQL drops its own copy as soon as we say yes.
 */
import { type FileHandle, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { canDecompress } from '../../codec/compression.ts';
import { linkIfPossible, syncDirectory } from '../../host/files.ts';
import { errnoOf, WalError, withHint } from '../../domain/errors.ts';
import type { Arrival } from './arrivals.ts';
import { canDecrypt, haveSameContent, measurePlain, openWal } from '../content/content.ts';
import { contentProblem, type Examined, examineWal } from '../content/examine.ts';
import type { PutRun } from './put-run.ts';
import { moveToErrors } from '../rejects/rejects.ts';

/** new: nothing has this name yet; known: the same content is there, on disk. */
export type Verdict = 'new' | 'known' | 'refused';

export interface Judged {
  readonly arrival: Arrival;
  readonly verdict: Verdict;
}

/** Judges one file; a refusal is reported. A bad file that holds its name is moved to the errors directory. */
export async function judgeArrival(run: PutRun, arrival: Arrival): Promise<Verdict> {
  const { file, handle } = arrival;
  const examined = await examine(run, arrival, handle);
  if (examined.problem !== null) {
    const hint =
      examined.problem.mayGrow || run.systemId === null
        ? undefined
        : `type "barman check ${run.scope.name}" and compare the server name in archive_command`;
    run.scope.output.error(withHint(`WAL file '${file.name}' ${examined.problem.text}: refused${run.where}`, hint));
    return 'refused';
  }
  // The archiver publishes in the archive before it removes from the queue: in this order nothing slips through.
  const beside = await compareWith(run, arrival, queuedCopy(run, file.name), true);
  return beside === 'new' ? compareWith(run, arrival, archivedCopy(run, file.name), false) : beside;
}

/** Where a file of the same name may be already. */
interface Copy {
  readonly location: string;
  open(): Promise<FileHandle | 'no file' | undefined>;
  /** Makes its name durable. */
  flush(): Promise<void>;
}

function queuedCopy({ scope }: PutRun, name: string): Copy {
  const { incomingWalsDirectory } = scope.config;
  const location = join(incomingWalsDirectory, name);
  return { location, open: () => openExisting(location), flush: () => syncDirectory(incomingWalsDirectory) };
}

function archivedCopy({ scope }: PutRun, name: string): Copy {
  const { walStore } = scope.catalog;
  const open = async () => {
    const found = await walStore.open(name);
    return typeof found === 'object' ? found.handle : found;
  };
  return { location: walStore.locate(name), open, flush: () => walStore.flush([name]) };
}

async function examine(run: PutRun, { file }: Pick<Arrival, 'file'>, handle: FileHandle): Promise<Examined> {
  const stats = await handle.stat({ bigint: true });
  const examined = await examineWal(file, handle, stats, run.settings, run.systemId);
  const { problem, ...form } = examined;
  const { compression } = form;
  if (problem !== null || file.kind !== 'segment' || compression === null || compression === 'gzip') return examined;
  if (!canDecompress(compression, run.settings)) return examined;
  const content = await measurePlain(handle, form, run.settings);
  return { ...examined, problem: contentProblem(file, content, run.systemId) };
}

async function compareWith(run: PutRun, arrival: Arrival, copy: Copy, isQueued: boolean): Promise<Verdict> {
  const { location } = copy;
  const existing = await copy.open();
  if (existing === undefined) return 'new';
  try {
    if (existing !== 'no file') {
      if (await haveSameContent(arrival.handle, existing, run.settings)) {
        // It may be a copy that was never flushed: we answer for it now.
        await existing.sync();
        await copy.flush();
        await arrival.discard();
        return 'known';
      }
      const { problem, ...form } = await examine(run, arrival, existing);
      // The archiver decides about what cannot be decrypted here, and replaces what is damaged in the archive.
      if (!isQueued && (problem !== null || !(await canDecrypt(existing, form, run.settings)))) return 'new';
      if (problem === null) return refuseOther(run, arrival, location);
    }
  } finally {
    if (existing !== 'no file') await existing.close();
  }
  if (!isQueued) return 'new';
  const moved = await moveToErrors(
    run.scope.config.errorsDirectory,
    location,
    arrival.file.name,
    'unknown',
    run.scope.now(),
  );
  run.scope.output.warning(
    `'${location}' was no complete WAL file: replaced by the one that arrived now. Moved to '${moved}'${run.where}`,
  );
  return 'new';
}

async function openExisting(path: string): Promise<FileHandle | 'no file' | undefined> {
  try {
    const handle = await openWal(path);
    if ((await handle.stat()).isFile()) return handle;
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
function refuseOther(run: PutRun, { file }: Arrival, path: string): 'refused' {
  run.scope.output.error(
    withHint(
      `WAL file '${file.name}' is already there with another content: refused${run.where}`,
      `two clusters may be archiving to this server; if '${path}' is the wrong one, move it away and PostgreSQL sends its own again`,
    ),
  );
  return 'refused';
}

/** Gives every file its name, flushed; those that were known have lost their temporary name. */
export async function publishArrivals(run: PutRun, judged: readonly Judged[]): Promise<void> {
  const { incomingWalsDirectory } = run.scope.config;
  const fresh = judged.filter(({ verdict }) => verdict === 'new').map(({ arrival }) => arrival);
  await Promise.all(fresh.map(({ handle }) => handle.sync()));
  for (const arrival of fresh) await publish(run, arrival);
  if (fresh.length > 0) await syncDirectory(incomingWalsDirectory);
}

/** A link never replaces a file: another put-wal may have published the same name since we looked. */
async function publish(run: PutRun, arrival: Arrival): Promise<void> {
  const target = join(run.scope.config.incomingWalsDirectory, arrival.file.name);
  try {
    if (!(await linkIfPossible(arrival.temporary, target))) await rename(arrival.temporary, target);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    if ((await judgeArrival(run, arrival)) === 'known') return;
    throw new WalError(`WAL file '${arrival.file.name}' arrived twice at the same time${run.where}`);
  }
  await arrival.discard();
}
