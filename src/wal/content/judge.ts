/**
 * The one judge of WAL files: what an archived file is by itself, and what a second file of its name is beside it. Everybody
 * who takes, keeps, hands out or counts WAL asks here, with the same facts, so that what one of them accepts no other puts
 * aside. First bytes decide where they can; contents are compared where two files differ, and records where contents do.
 */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import type { KnownSystems } from '../../catalog/systems.ts';
import { canDecompress } from '../../codec/compression.ts';
import type { CodecSettings } from '../../codec/settings.ts';
import type { WalFile } from '../../domain/wal/wal.ts';
import { isPlain, type StoredForm } from '../../domain/wal/wal-content.ts';
import { parseWalHeader, type WalHeader } from '../../domain/wal/wal-header.ts';
import { recordWalker, relateRecords, type WalExtent } from '../../domain/wal/wal-records.ts';
import { walTime } from '../../domain/wal/xlogdb.ts';
import { canDecrypt, contrast, measurePlain, plainStream, readHead, recognise } from './content.ts';
import { contentProblem, examineWal } from './examine.ts';

/** An open WAL file. */
export interface HeldWal {
  readonly handle: FileHandle;
  readonly stats: BigIntStats;
}

/** What the judge needs to know of the server. */
export interface JudgeFacts {
  readonly settings: CodecSettings;
  readonly systems: KnownSystems;
}

/**
 * One file alone. `problem` goes after "the WAL file 'NAME'". unknown: it cannot be decrypted or decompressed here, or it is
 * in no known form.
 */
export type WalVerdict =
  | { readonly verdict: 'sound'; readonly header: WalHeader | null }
  | { readonly verdict: 'foreign' | 'damaged' | 'unknown'; readonly problem: string };

/** A file that came later, beside the one that holds its name. */
export type TwinJudgement =
  /** What the first one holds is all there is: the same bytes, the same records, or more. */
  | { readonly verdict: 'held'; readonly relation: 'identical' | 'same records' | 'less' }
  /** It is to take the place of the first one; `isObsolete`: which then holds nothing that this one lacks. */
  | { readonly verdict: 'better'; readonly because: string; readonly isObsolete: boolean }
  /** Each holds what the other lacks; `because` where there is more to say. */
  | { readonly verdict: 'different'; readonly because: string | null }
  /** The first one cannot be looked into; isSameTime: they are of one time, as a file and its archived copy are. */
  | { readonly verdict: 'unknown'; readonly because: string; readonly isSameTime: boolean };

/** What a look at the first bytes says. */
export interface Glance {
  readonly form: StoredForm;
  /** Why it is not what its name says, or of no system that is known here; null when nothing of that is to be seen. */
  readonly problem: string | null;
}

/** Judges an archived or queued file by its first bytes, where those can be had at once: what is plain, or in gzip. */
export async function glanceAt(file: WalFile, { handle, stats }: HeldWal, facts: JudgeFacts): Promise<Glance> {
  const { problem, header, compression, encryption } = await examineWal(file, handle, stats, facts.settings, null);
  const foreign = header === null ? null : await foreignText(header, facts.systems);
  return { form: { compression, encryption }, problem: problem?.text ?? foreign };
}

/** Judges an archived file by itself. Of one that is not plain the whole content is read. */
export async function judgeArchived(file: WalFile, { handle, stats }: HeldWal, facts: JudgeFacts): Promise<WalVerdict> {
  const { settings, systems } = facts;
  const form = await recognise(handle, settings);
  const obstacle = await obstacleTo(handle, form, settings);
  if (obstacle !== null) return { verdict: 'unknown', problem: obstacle };
  const plain = isPlain(form) ? { size: Number(stats.size), head: await readHead(handle) } : undefined;
  const content = plain ?? (await measurePlain(handle, form, settings));
  const problem = contentProblem(file, content, null);
  if (content === undefined || problem !== null) return { verdict: 'damaged', problem: problem?.text ?? '' };
  const header = file.kind === 'segment' || file.kind === 'partial' ? parseWalHeader(content.head) : undefined;
  if (header === undefined) {
    const isOpaque = file.kind === 'segment';
    return isOpaque ? { verdict: 'unknown', problem: 'is in no known form' } : { verdict: 'sound', header: null };
  }
  const foreign = await foreignText(header, systems);
  return foreign === null ? { verdict: 'sound', header } : { verdict: 'foreign', problem: foreign };
}

/** Why what begins with this header is no WAL of this archive: goes after "the WAL file 'NAME'". null when it is. */
export async function foreignText(
  { systemId }: Pick<WalHeader, 'systemId'>,
  systems: KnownSystems,
): Promise<string | null> {
  if (await systems.isKnown(systemId)) return null;
  const own =
    systems.current === null ? 'no backup is of that system' : `this archive belongs to system ${systems.current}`;
  return `comes from system ${systemId}, but ${own}`;
}

/** Why a file cannot be looked into on this host; null when it can. */
async function obstacleTo(handle: FileHandle, form: StoredForm, settings: CodecSettings): Promise<string | null> {
  if (!(await canDecrypt(handle, form, settings))) return 'cannot be decrypted here';
  const { compression } = form;
  return compression === null || canDecompress(compression, settings) ? null : 'cannot be decompressed here';
}

/**
 * Judges a file that came, beside the `first` of its name. `standing` of that one: archived it may be of any system that is
 * known here; queued only of the current one, as what comes.
 */
export async function judgeTwins(
  file: WalFile,
  came: HeldWal,
  first: HeldWal,
  standing: 'queued' | 'archived',
  facts: JudgeFacts,
): Promise<TwinJudgement> {
  const { settings } = facts;
  const difference = await contrast(came.handle, first.handle, settings);
  if (difference === null) return { verdict: 'held', relation: 'identical' };
  const asArrival: JudgeFacts = { settings, systems: onlyCurrent(facts.systems) };
  const own = await judgeArchived(file, came, asArrival);
  const its = await judgeArchived(file, first, standing === 'queued' ? asArrival : facts);
  if (its.verdict === 'unknown') {
    const isSameTime = difference === 'unreadable' && areOfOneTime(came, first);
    if (own.verdict === 'sound' || isSameTime) return { verdict: 'unknown', because: its.problem, isSameTime };
    return { verdict: 'different', because: its.problem };
  }
  if (own.verdict === 'foreign' || own.verdict === 'damaged') return { verdict: 'different', because: null };
  if (its.verdict !== 'sound') return { verdict: 'better', because: its.problem, isObsolete: false };
  if (own.verdict !== 'sound' || difference === 'unreadable') return { verdict: 'different', because: null };
  if (file.kind === 'label' && difference.at === 0 && difference.shorter !== null)
    return judgeEmpty(difference.shorter);
  if (file.kind === 'label' || file.kind === 'history') return { verdict: 'different', because: null };
  if (own.header !== null && its.header !== null && own.header.systemId !== its.header.systemId) {
    const because = `comes from system ${its.header.systemId}, of which there are backups`;
    return { verdict: 'different', because };
  }
  return judgeRecords(file, came, first, difference.at, settings);
}

/** The archived copy of a file has its time, to the microsecond. Seconds. */
const SAME_TIME = 2e-6;

function areOfOneTime(left: HeldWal, right: HeldWal): boolean {
  return Math.abs(walTime(left.stats.mtimeNs) - walTime(right.stats.mtimeNs)) <= SAME_TIME;
}

/** What comes must be of the system whose archive this is, once that is known. */
function onlyCurrent({ current }: KnownSystems): KnownSystems {
  return { current, isKnown: async (systemId) => current === null || systemId === current };
}

/** A label that is empty tells nothing. */
function judgeEmpty(empty: 'left' | 'right'): TwinJudgement {
  if (empty === 'left') return { verdict: 'held', relation: 'less' };
  return { verdict: 'better', because: 'is empty', isObsolete: true };
}

async function judgeRecords(
  file: WalFile,
  came: HeldWal,
  first: HeldWal,
  differAt: number,
  settings: CodecSettings,
): Promise<TwinJudgement> {
  const own = await extentOf(file, came.handle, settings);
  const its = await extentOf(file, first.handle, settings);
  if (own === undefined || its === undefined) return { verdict: 'different', because: null };
  switch (relateRecords(file, own, its, differAt)) {
    case 'same':
      return { verdict: 'held', relation: 'same records' };
    case 'right holds more':
      return { verdict: 'held', relation: 'less' };
    case 'left holds more':
      // A whole segment that breaks off is damage, which somebody should see.
      return {
        verdict: 'better',
        because: 'holds fewer records',
        isObsolete: file.kind === 'partial' && isWithin(its, differAt),
      };
    case 'different':
      return { verdict: 'different', because: null };
  }
}

/** True when all that counts of a file lies before the byte at which the other one goes on otherwise. */
function isWithin({ begin, end }: WalExtent, differAt: number): boolean {
  return begin !== null && Math.max(begin, end) <= differAt;
}

/** Undefined when the content cannot be read to its end. */
async function extentOf(file: WalFile, handle: FileHandle, settings: CodecSettings): Promise<WalExtent | undefined> {
  const walker = recordWalker(file);
  try {
    const stream = plainStream(handle, await recognise(handle, settings), settings);
    for await (const chunk of stream as AsyncIterable<Buffer>) walker.feed(chunk);
  } catch {
    return undefined;
  }
  return walker.finish();
}
