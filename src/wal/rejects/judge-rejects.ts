/**
 * What the files in the errors directory are, and what may safely be done with each: a copy of an archived WAL, or the
 * beginning of one, may go; a sound WAL that the archive lacks goes back into the queue; everything else is for a person.
 */
import { lstat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { openSystems } from '../../catalog/systems.ts';
import { linkOrCopy } from '../../host/copy-file.ts';
import { exists, listNames, makeDirectory, syncDirectory } from '../../host/files.ts';
import { messageOf, WalError } from '../../domain/errors.ts';
import { parseWalName, type WalFile } from '../../domain/wal/wal.ts';
import type { JudgedReject } from '../../domain/wal/rejected-wal.ts';
import { parseWalHeader, type WalProblem } from '../../domain/wal/wal-header.ts';
import type { ServerScope } from '../../server/scope.ts';
import type { OpenWal } from '../../storage/wal-store.ts';
import { canDecrypt, contrast, measurePlain, openWal, readHead, recogniseHead } from '../content/content.ts';
import { examineWal } from '../content/examine.ts';
import { type HeldWal, type JudgeFacts, judgeTwins } from '../content/judge.ts';
import { parseRejectedName } from './rejects.ts';
import { withLock } from '../../server/locks.ts';

/** Every file of the errors directory, in name order. */
export async function judgeRejects(scope: ServerScope): Promise<readonly JudgedReject[]> {
  const facts: JudgeFacts = { settings: scope.codecs, systems: await openSystems(scope.catalog) };
  const judged: JudgedReject[] = [];
  for (const file of await listNames(scope.config.errorsDirectory)) {
    judged.push(await judge(scope, file, facts));
  }
  return judged;
}

async function judge(scope: ServerScope, file: string, facts: JudgeFacts): Promise<JudgedReject> {
  const rejected = parseRejectedName(file);
  const wal = rejected === undefined ? undefined : parseWalName(rejected.name);
  const stranger = (verdict: string): JudgedReject => ({
    file,
    walName: wal?.name ?? null,
    header: null,
    relation: 'no WAL',
    verdict,
    action: null,
  });
  if (wal === undefined) return stranger('is no WAL file: look at it and remove it by hand');
  const path = join(scope.config.errorsDirectory, file);
  let handle;
  try {
    handle = await openWal(path);
  } catch (error) {
    return stranger(`cannot be opened (${messageOf(error)})`);
  }
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) return stranger('is no regular file: look at it and remove it by hand');
    const form = recogniseHead(await readHead(handle), facts.settings);
    const header = parseWalHeader((await measurePlain(handle, form, facts.settings))?.head ?? Buffer.alloc(0)) ?? null;
    return { file, walName: wal.name, header, ...(await judgeWal(scope, wal, { handle, stats }, facts)) };
  } finally {
    await handle.close();
  }
}

type Judgement = Pick<JudgedReject, 'relation' | 'verdict' | 'action'>;

async function judgeWal(scope: ServerScope, wal: WalFile, reject: HeldWal, facts: JudgeFacts): Promise<Judgement> {
  const { settings, systems } = facts;
  const { problem, compression, encryption } = await examineWal(
    wal,
    reject.handle,
    reject.stats,
    settings,
    systems.current,
  );
  if (!(await canDecrypt(reject.handle, { compression, encryption }, settings))) return ENCRYPTED;
  const stored = await openStored(scope, wal);
  if (stored === undefined) return { relation: 'not archived', ...judgeAlone(problem?.text) };
  try {
    return await judgeBeside(wal, reject, stored, problem, facts);
  } finally {
    await stored.handle.close();
  }
}

const ENCRYPTED: Judgement = {
  relation: 'different',
  verdict: 'is encrypted and cannot be compared: decrypt it and the archived file by hand',
  action: null,
};

function judgeAlone(problem: string | undefined): Pick<Judgement, 'verdict' | 'action'> {
  if (problem !== undefined) return { verdict: `${problem}: it cannot be archived`, action: null };
  return { verdict: 'is sound and not in the archive: it may be queued again', action: 'queue' };
}

async function judgeBeside(
  wal: WalFile,
  reject: HeldWal,
  stored: HeldWal,
  problem: WalProblem | null,
  facts: JudgeFacts,
): Promise<Judgement> {
  const difference = await contrast(reject.handle, stored.handle, facts.settings);
  if (difference === null) {
    return { relation: 'identical', verdict: 'is identical to the archived file: it may be removed', action: 'remove' };
  }
  const shorter = difference === 'unreadable' ? null : difference.shorter;
  if (shorter === 'left') {
    const verdict = 'is only the beginning of the archived file: it may be removed';
    return { relation: 'prefix', verdict, action: 'remove' };
  }
  const relation = shorter === 'right' ? 'longer' : 'different';
  if (problem !== null) {
    return { relation, verdict: `${problem.text}, unlike the archived file: it is of no use there`, action: null };
  }
  const judged = await judgeTwins(wal, reject, stored, 'archived', facts);
  switch (judged.verdict) {
    case 'held':
      return {
        relation: 'same records',
        verdict: 'holds no record that the archived file lacks: it may be removed',
        action: 'remove',
      };
    case 'better':
      return {
        relation,
        verdict: `is sound, the archived file ${judged.because}: it may be queued again`,
        action: 'queue',
      };
    case 'unknown':
      return ENCRYPTED;
    case 'different':
      return {
        relation,
        verdict: `differs from the archived file${judged.because === null ? '' : `, which ${judged.because}`}: compare both with pg_waldump and keep the right one`,
        action: null,
      };
  }
}

async function openStored(scope: ServerScope, { name }: WalFile): Promise<OpenWal | undefined> {
  const { walStore } = scope.catalog;
  const found = await walStore.open(name);
  if (found === 'no file') throw new WalError(`'${walStore.locate(name)}' is no regular file`);
  return found;
}

/**
 * Does the safe things while the archiver rests, each judged anew. Returns the names that were dealt with; a failure is
 * reported and the others go on. @throws WalError while archive-wal is at work
 */
export async function resolveRejects(scope: ServerScope): Promise<ReadonlySet<string>> {
  const resolved = new Set<string>();
  await withLock(scope, 'resolve rejects', async () => {
    for (const judged of await judgeRejects(scope)) {
      if (judged.action === null || judged.walName === null) continue;
      try {
        if (judged.action === 'remove') await removeReject(scope, judged.file, judged.walName);
        else await queueAgain(scope, judged.file, judged.walName);
        resolved.add(judged.file);
      } catch (error) {
        scope.output.error(`cannot resolve '${judged.file}' of server '${scope.name}': ${messageOf(error)}`);
      }
    }
  });
  return resolved;
}

/** The archived copy must be on disk before this one goes. */
async function removeReject(scope: ServerScope, file: string, walName: string): Promise<void> {
  const { catalog, config } = scope;
  const wal = parseWalName(walName);
  const stored = wal && (await openStored(scope, wal));
  if (stored === undefined) throw new WalError(`'${catalog.walStore.locate(walName)}' vanished`);
  try {
    await stored.handle.sync();
  } finally {
    await stored.handle.close();
  }
  await catalog.walStore.flush([walName]);
  await unlink(join(config.errorsDirectory, file));
  await syncDirectory(config.errorsDirectory);
}

/** A second name first, so that nothing in the queue is overwritten and no moment is without the file. */
async function queueAgain({ config }: ServerScope, file: string, walName: string): Promise<void> {
  const queue = config.archiver ? config.incomingWalsDirectory : config.streamingWalsDirectory;
  const [source, target] = [join(config.errorsDirectory, file), join(queue, walName)];
  await makeDirectory(queue);
  if (!(await lstat(source)).isFile()) throw new WalError('it is no regular file any more');
  if (await exists(target))
    throw new WalError(`'${target}' waits to be archived: run "barman archive-wal ${config.name}" first`);
  await linkOrCopy(source, target);
  await syncDirectory(queue);
  await unlink(source);
  await syncDirectory(config.errorsDirectory);
}
