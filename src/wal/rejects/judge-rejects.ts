/**
 * What the files in the errors directory are, and what may safely be done with each: a copy of an archived WAL, or the
 * beginning of one, may go; a sound WAL that the archive lacks goes back into the queue; everything else is for a person.
 */
import { type FileHandle, lstat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { linkOrCopy } from '../../host/copy-file.ts';
import { exists, listNames, makeDirectory, syncDirectory } from '../../host/files.ts';
import { messageOf, WalError } from '../../domain/errors.ts';
import { parseWalName, type WalFile } from '../../domain/wal/wal.ts';
import type { JudgedReject } from '../../domain/wal/rejected-wal.ts';
import { parseWalHeader } from '../../domain/wal/wal-header.ts';
import type { ServerScope } from '../../server/scope.ts';
import {
  canDecrypt,
  measurePlain,
  openWal,
  readHead,
  recognise,
  recogniseHead,
  relateContent,
} from '../content/content.ts';
import { examineWal } from '../content/examine.ts';
import { parseRejectedName } from './rejects.ts';
import { isSound } from '../archive/twins.ts';
import { withLock } from '../../server/locks.ts';

/** Every file of the errors directory, in name order. */
export async function judgeRejects(scope: ServerScope): Promise<readonly JudgedReject[]> {
  const systemId = (await scope.catalog.readIdentity())?.systemid ?? null;
  const judged: JudgedReject[] = [];
  for (const file of await listNames(scope.config.errorsDirectory)) {
    judged.push(await judge(scope, file, systemId));
  }
  return judged;
}

async function judge(scope: ServerScope, file: string, systemId: string | null): Promise<JudgedReject> {
  const settings = scope.codecs;
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
    const examined = await examineWal(wal, handle, stats, settings, systemId);
    const form = recogniseHead(await readHead(handle), settings);
    const header = parseWalHeader((await measurePlain(handle, form, settings))?.head ?? Buffer.alloc(0)) ?? null;
    const known = { file, walName: wal.name, header };
    if (!(await canDecrypt(handle, form, settings)))
      return { ...known, relation: 'different', verdict: ENCRYPTED, action: null };
    const stored = await openStored(scope, wal);
    if (stored === undefined) return { ...known, relation: 'not archived', ...judgeAlone(examined.problem?.text) };
    try {
      if (!(await canDecrypt(stored, await recognise(stored, settings), settings))) {
        return { ...known, relation: 'different', verdict: ENCRYPTED, action: null };
      }
      const relation = RELATIONS[await relateContent(handle, stored, settings)];
      const problem = examined.problem?.text;
      if (problem === undefined && relation === 'different' && !(await isSound(wal, stored, settings))) {
        return {
          ...known,
          relation,
          verdict: 'is sound, the archived file is not: it may be queued again',
          action: 'queue',
        };
      }
      return { ...known, relation, ...judgeBeside(relation, problem) };
    } finally {
      await stored.close();
    }
  } finally {
    await handle.close();
  }
}

const ENCRYPTED = 'is encrypted and cannot be compared: decrypt it and the archived file by hand';

const RELATIONS = {
  identical: 'identical',
  'left is a prefix': 'prefix',
  'right is a prefix': 'longer',
  different: 'different',
} as const;

type Judgement = Pick<JudgedReject, 'verdict' | 'action'>;

function judgeAlone(problem: string | undefined): Judgement {
  if (problem !== undefined) return { verdict: `${problem}: it cannot be archived`, action: null };
  return { verdict: 'is sound and not in the archive: it may be queued again', action: 'queue' };
}

function judgeBeside(
  relation: 'identical' | 'prefix' | 'longer' | 'different',
  problem: string | undefined,
): Judgement {
  if (relation === 'identical')
    return { verdict: 'is identical to the archived file: it may be removed', action: 'remove' };
  if (relation === 'prefix') {
    return { verdict: 'is only the beginning of the archived file: it may be removed', action: 'remove' };
  }
  if (problem !== undefined)
    return { verdict: `${problem}, unlike the archived file: it is of no use there`, action: null };
  if (relation === 'longer') {
    return { verdict: 'goes on where the archived file ends, which was cut: it may be queued again', action: 'queue' };
  }
  return {
    verdict: 'differs from the archived file: compare both with pg_waldump and keep the right one',
    action: null,
  };
}

async function openStored(scope: ServerScope, { name }: WalFile): Promise<FileHandle | undefined> {
  const { walStore } = scope.catalog;
  const found = await walStore.open(name);
  if (found === 'no file') throw new WalError(`'${walStore.locate(name)}' is no regular file`);
  return found?.handle;
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
    await stored.sync();
  } finally {
    await stored.close();
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
