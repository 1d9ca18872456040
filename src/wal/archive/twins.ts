/** A WAL whose name is in the archive already. Source: docs/behaviour/wal.md 3 step 3; faults.md REF2, REF4, B9. */
import { type FileHandle, unlink } from 'node:fs/promises';
import type { CodecSettings } from '../../codec/settings.ts';
import { formatOf } from '../../domain/codecs.ts';
import { WalError, withHint } from '../../domain/errors.ts';
import type { WalFile } from '../../domain/wal/wal.ts';
import type { StoredForm } from '../../domain/wal/wal-content.ts';
import { parseWalHeader } from '../../domain/wal/wal-header.ts';
import { type WalRecord, walTime } from '../../domain/wal/xlogdb.ts';
import type { ArchiveRun } from './archive-run.ts';
import { canDecrypt, haveSameContent, measurePlain, recognise } from '../content/content.ts';
import { contentProblem } from '../content/examine.ts';
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
  if (found === 'no file') return replace(run, queued, 'damaged');
  const stored = found.handle;
  try {
    const form = await recognise(stored, run.settings);
    if (await haveSameContent(queued.handle, stored, run.settings)) {
      // The reference renames first and flushes later: this copy is about to be the only one.
      await stored.sync();
      return await identical(run, queued, found, form);
    }
    if (!(await canDecrypt(stored, form, run.settings))) {
      const verdict = await judgeSealed(run, queued, found);
      if (verdict !== undefined) return verdict;
    } else if (!(await isSound(file, stored, run.settings))) return await replace(run, queued, 'damaged');
  } finally {
    await stored.close();
  }
  const { name, config } = run.scope;
  await moveToErrors(config.errorsDirectory, queued.path, file.name, 'duplicate', run.scope.now());
  run.output.info(`\tError: ${file.name} is already present in server ${name}. File moved to errors directory.`);
  return 'kept';
}

/**
 * A stored file that cannot be decrypted here. One that the index does not list was left by a run that was killed: what
 * arrived is archived anew. Beside a listed one it counts as another file, as with the reference: undefined.
 */
async function judgeSealed(
  run: ArchiveRun,
  queued: QueuedWal,
  stored: OpenWal,
): Promise<'replaced' | 'kept' | undefined> {
  const listed = await isKnown(run, queued);
  if (listed === true) return undefined;
  if (listed === 'unknown') return 'kept';
  // Made of this very file? The time of a source is given to its archived copy, to the microsecond.
  if (Math.abs(walTime(stored.stats.mtimeNs) - walTime(queued.stats.mtimeNs)) > 2e-6) {
    return replace(run, queued, 'not in xlog.db and cannot be decrypted');
  }
  run.log.warning(`WAL file ${queued.file.name} was archived without its line in xlog.db: archiving it again`);
  await run.writer.takeOut(queued.file.name, unlink);
  return 'replaced';
}

async function identical(run: ArchiveRun, queued: QueuedWal, stored: OpenWal, form: StoredForm): Promise<TwinVerdict> {
  const { file, stats } = queued;
  const configured = run.scope.config.compression;
  const isConfigured = configured !== null && (form.encryption !== null || form.compression === formatOf(configured));
  const record: WalRecord = {
    name: file.name,
    size: Number(stored.stats.size),
    time: walTime(stats.mtimeNs),
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

/**
 * False for an archived file that is certainly of no use: empty, cut, not to be decompressed, another segment. What
 * cannot be looked into (encrypted, or of no known form) is believed.
 */
export async function isSound(file: WalFile, stored: FileHandle, settings: CodecSettings): Promise<boolean> {
  if (file.kind !== 'segment') return (await stored.stat()).size > 0;
  const form = await recognise(stored, settings);
  const content = await measurePlain(stored, form, settings);
  const isUnknown = form.compression === null && content !== undefined && content.size > 0;
  const isOpaque =
    form.encryption === null ? isUnknown && parseWalHeader(content.head) === undefined : content === undefined;
  return isOpaque || contentProblem(file, content, null) === null;
}

/** A valid file beats an invalid one. compat 3.20.1: the first one stays there whatever it is. */
async function replace(run: ArchiveRun, { file }: QueuedWal, what: string): Promise<'replaced'> {
  const { name, config, catalog } = run.scope;
  const moved = await run.writer.takeOut(file.name, (path) =>
    moveToErrors(config.errorsDirectory, path, file.name, 'duplicate', run.scope.now()),
  );
  await catalog.removeWals((record) => record.name === file.name);
  run.output.warning(
    `the archived WAL file '${file.name}' of server '${name}' was ${what}: it is replaced by the one that arrived now. Moved to '${moved}'`,
  );
  return 'replaced';
}
