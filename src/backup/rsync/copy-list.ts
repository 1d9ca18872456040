/**
 * One list of files, copied whole: what rsync leaves out is either gone from the source, which is no fault (PostgreSQL
 * drops relations while we copy, and the WAL knows), or it could not be read, which is. The files tell which, not the
 * words of rsync: what is missing here is asked for again, and a name that is gone over there is passed over.
 */
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, rename, unlink } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { copyFiles, type CopyRequest, type Rsync } from '../../transfer/rsync.ts';
import { BackupError, errnoOf } from '../../domain/errors.ts';
import { below, listEntry } from './survey.ts';

/** Files can vanish in every round; one that stays missing twice is in trouble. */
const ROUNDS = 5;
/** How many of the missing files a message names. */
const NAMED = 5;

/** @throws BackupError naming the files that could not be copied; CommandFailure when rsync failed as a whole */
export async function copyList(
  rsync: Rsync,
  request: CopyRequest & { readonly listFile: string },
  log: (text: string) => void,
): Promise<void> {
  let before = Number.POSITIVE_INFINITY;
  for (let round = 1; ; round += 1) {
    const verdict = await copyFiles(rsync, request);
    if (verdict.complete) return;
    const missing = await keepMissing(request.listFile, request.destination);
    // Nothing is missing: rsync could not do something else, such as one more hard link, and found its own way.
    if (missing.count === 0) {
      if (verdict.said !== '') log(verdict.said);
      return;
    }
    if (missing.count >= before || round === ROUNDS) {
      const names = missing.first.map((name) => `\t${request.source}${name}`);
      const more = missing.count > names.length ? [`\t... and ${missing.count - names.length} more`] : [];
      throw new BackupError(
        [
          'data transfer failure',
          'these files could not be copied:',
          ...names,
          ...more,
          'rsync error:',
          verdict.said,
        ].join('\n'),
      );
    }
    before = missing.count;
  }
}

interface Missing {
  readonly count: number;
  readonly first: readonly string[];
}

/** Rewrites the list to the names that are not in the destination. */
async function keepMissing(listFile: string, destination: string): Promise<Missing> {
  const next = `${listFile}.missing`;
  const out = createWriteStream(next, { mode: 0o600 });
  const first: string[] = [];
  let count = 0;
  for await (const name of namesOf(listFile)) {
    if (await isThere(below(destination, name))) continue;
    count += 1;
    if (first.length < NAMED) first.push(Buffer.from(name, 'latin1').toString());
    if (!out.write(listEntry(name), 'latin1')) await once(out, 'drain');
  }
  out.end();
  await finished(out);
  if (count > 0) await rename(next, listFile);
  else await unlink(next);
  return { count, first };
}

/** The names of a list, one at a time. */
export async function* namesOf(listFile: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(listFile, { encoding: 'latin1' })) {
    const names = `${rest}${chunk as string}`.split('\0');
    rest = names.pop() ?? '';
    for (const name of names) yield name.replace(/^\.\//, '');
  }
}

async function isThere(path: Buffer): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false;
    throw error;
  }
}
