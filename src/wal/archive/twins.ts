/** A WAL whose name is in the archive already. Source: docs/behaviour/wal.md 3 step 3; faults.md REF2, REF4, B9. */
import { unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatOf } from '../../domain/codecs.ts';
import { WalError, withHint } from '../../domain/errors.ts';
import type { StoredForm } from '../../domain/wal/wal-content.ts';
import { type WalRecord, walTime } from '../../domain/wal/xlogdb.ts';
import { syncDirectory } from '../../host/files.ts';
import type { ArchiveRun } from './archive-run.ts';
import { recognise } from '../content/content.ts';
import { judgeTwins } from '../content/judge.ts';
import { isListed } from './listed.ts';
import { moveToErrors } from '../rejects/rejects.ts';
import type { OpenWal } from '../../storage/wal-store.ts';
import type { QueuedWal } from './queued-wal.ts';

/**
 * identical: the source can go, after its line was added where a killed run left none; replaced: the archived file was
 * unusable and is out of the way; kept: the source was dealt with or stays.
 */
export type TwinVerdict = { readonly isListed: boolean; readonly record: WalRecord } | 'replaced' | 'kept';

export async function judgeTwin(run: ArchiveRun, queued: QueuedWal): Promise<TwinVerdict> {
  const { file } = queued;
  const found = await run.scope.catalog.walStore.open(file.name);
  if (found === undefined) throw new WalError(`'${run.scope.catalog.walStore.locate(file.name)}' vanished`);
  if (found === 'no file') return replace(run, queued, 'is no regular file');
  const stored = found.handle;
  try {
    const facts = { settings: run.settings, systems: await run.systems() };
    const judged = await judgeTwins(file, queued, found, 'archived', facts);
    switch (judged.verdict) {
      case 'held':
        // The reference renames first and flushes later: this copy is about to be the only one.
        await stored.sync();
        return await identical(run, queued, found, await recognise(stored, run.settings));
      case 'better':
        return judged.isObsolete ? await supersede(run, queued) : await replace(run, queued, judged.because);
      case 'unknown':
        return await replaceSealed(run, queued, found, judged);
      case 'different':
        return await reject(run, queued);
    }
  } finally {
    await stored.close();
  }
}

/** compat 3.20.1: its words for any second file. What was acknowledged never comes here: put-wal asks the same judge. */
async function reject(run: ArchiveRun, { path, file }: QueuedWal): Promise<'kept'> {
  const { name, config } = run.scope;
  const moved = await moveToErrors(config.errorsDirectory, path, file.name, 'duplicate', run.scope.now());
  run.output.info(`\tError: ${file.name} is already present in server ${name}. File moved to errors directory.`);
  if (file.kind === 'partial') {
    run.output.warning(
      `'${file.name}' of server '${name}' has come with two contents, each with records that the other one lacks: the second one is kept as '${moved}'`,
    );
  }
  return 'kept';
}

/**
 * A stored file that cannot be looked into here. One of the same time is this very file: where the index does not list it, a
 * run was killed, and what arrived is archived anew. Of any other nothing is known, while what arrived is sound.
 */
async function replaceSealed(
  run: ArchiveRun,
  queued: QueuedWal,
  stored: OpenWal,
  { because, isSameTime }: { readonly because: string; readonly isSameTime: boolean },
): Promise<TwinVerdict> {
  if (!isSameTime) return replace(run, queued, because);
  const listed = await isKnown(run, queued);
  if (listed === 'unknown') return 'kept';
  if (listed) {
    await stored.handle.sync();
    return identical(run, queued, stored, await recognise(stored.handle, run.settings));
  }
  run.log.warning(`WAL file ${queued.file.name} was archived without its line in xlog.db: archiving it again`);
  return supersede(run, queued);
}

/** The archived file holds nothing that the new one lacks. That one must be on disk before the other goes. */
async function supersede(run: ArchiveRun, { file, handle, path }: QueuedWal): Promise<'replaced'> {
  await handle.sync();
  await syncDirectory(dirname(path));
  await run.scope.catalog.unlistWal(file.name);
  await run.writer.takeOut(file.name, unlink);
  return 'replaced';
}

async function identical(run: ArchiveRun, queued: QueuedWal, stored: OpenWal, form: StoredForm): Promise<TwinVerdict> {
  const { file } = queued;
  const configured = run.scope.config.compression;
  const isConfigured = configured !== null && (form.encryption !== null || form.compression === formatOf(configured));
  const record: WalRecord = {
    name: file.name,
    size: Number(stored.stats.size),
    time: walTime(stored.stats.mtimeNs),
    compression: isConfigured ? configured : form.compression,
    encryption: form.encryption,
  };
  const listed = await isKnown(run, queued);
  if (listed === 'unknown') return 'kept';
  if (!listed) run.log.warning(`WAL file ${file.name} was archived without its line in xlog.db: adding it`);
  return { isListed: listed, record };
}

/** Is it in the index? Not known while the index cannot be read, which is reported. */
async function isKnown(run: ArchiveRun, { file }: QueuedWal): Promise<boolean | 'unknown'> {
  try {
    return await isListed(run.scope.catalog, file.name);
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    // Without the index it is not known whether the file is indexed: the source is what keeps the question open.
    run.output.error(withHint(error.message, error.hint));
    return 'unknown';
  }
}

/** A valid file beats an invalid one. compat 3.20.1: the first one stays there whatever it is. `because`: `is empty`. */
async function replace(run: ArchiveRun, { file }: QueuedWal, because: string): Promise<'replaced'> {
  const { name, config, catalog } = run.scope;
  // Its line first: where a run is killed before the new file has its own, none of the old one is left beside that.
  await catalog.unlistWal(file.name);
  const moved = await run.writer.takeOut(file.name, (path) =>
    moveToErrors(config.errorsDirectory, path, file.name, 'duplicate', run.scope.now()),
  );
  run.output.warning(
    `the archived WAL file '${file.name}' of server '${name}' ${because}: it is replaced by the one that arrived now. Moved to '${moved}'`,
  );
  return 'replaced';
}
