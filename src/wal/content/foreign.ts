/**
 * Archived WAL of another PostgreSQL system than this archive's. Its first page says so: each is read once, and what it said
 * is remembered by group of files in a file of ours, which may be missing, old or damaged: that only costs time.
 */
import { readFile } from 'node:fs/promises';
import type { KnownSystems } from '../../catalog/systems.ts';
import { openSystemsLeniently } from '../../catalog/systems.ts';
import { usesObjectStorage } from '../../catalog/layout.ts';
import { inParallel } from '../../domain/in-parallel.ts';
import { BarmanError, errnoOf } from '../../domain/errors.ts';
import { parseWalName, type WalFile } from '../../domain/wal/wal.ts';
import { writeDurably } from '../../host/files.ts';
import type { ServerScope } from '../../server/scope.ts';
import type { WalStore } from '../../storage/wal-store.ts';
import { examineWal } from './examine.ts';
import { foreignText } from './judge.ts';

export interface ForeignWal {
  readonly name: string;
  readonly location: string;
  /** `comes from system 42, but this archive belongs to system 7`. */
  readonly problem: string;
}

/** What is known of the segments of a group. */
interface Group {
  /** See WalStore.groups. */
  readonly stamp: string;
  /** When the newest of them got its name, milliseconds since 1970. */
  readonly newest: number;
  readonly count: number;
  /** The system of all segments but `others`, as far as a look at the first bytes tells it. */
  readonly own: string | null;
  /** Name -> system. */
  readonly others: Readonly<Record<string, string>>;
}

type Memory = Readonly<Record<string, Group>>;

/** So few are read each time: no file is made for them. */
const FEW = 256;
/** The clock that stamps files goes in steps, ms. */
const CLOCK_STEP = 1_000;

/** Looks until `until` (milliseconds since 1970) at the latest, and goes on from there the next time. In name order. */
export async function findForeign(
  scope: ServerScope,
  until: number = Number.POSITIVE_INFINITY,
): Promise<readonly ForeignWal[]> {
  const { catalog } = scope;
  if (usesObjectStorage(catalog.layout)) return [];
  const { walStore } = catalog;
  const systems = await openSystemsLeniently(catalog);
  const before = await recall(catalog.layout.walSystems);
  const after: Record<string, Group> = {};
  const foreign: ForeignWal[] = [];
  let read = 0;
  for (const [name, stamp] of await walStore.groups()) {
    const known = before[name];
    const isCurrent = known !== undefined && (known.own === null || (await systems.isKnown(known.own)));
    let group = isCurrent ? known : undefined;
    if (group === undefined || stamp === '' || stamp !== group.stamp) {
      const looked = await lookAt(scope, name, stamp, group, systems, until);
      read += looked.read;
      // Out of time: what is known of it from before is all there is.
      if (looked.group === undefined) {
        if (known !== undefined) after[name] = known;
        continue;
      }
      group = looked.group;
    }
    after[name] = group;
    for (const [file, systemId] of Object.entries(group.others)) {
      const problem = await foreignText({ systemId }, systems);
      if (problem !== null) foreign.push({ name: file, location: walStore.locate(file), problem });
    }
  }
  if (read > FEW || (read > 0 && Object.keys(before).length > 0)) await remember(scope, after);
  return foreign.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** Reads the first bytes of what is new in a group. `group` is undefined when the time was up before the end. */
async function lookAt(
  scope: ServerScope,
  name: string,
  stamp: string,
  known: Group | undefined,
  systems: KnownSystems,
  until: number,
): Promise<{ readonly group: Group | undefined; readonly read: number }> {
  const { walStore } = scope.catalog;
  const [begin, end] = [parseWalName(`${name}00000000`), parseWalName(`${name}FFFFFFFF`)];
  if (begin === undefined || end === undefined) return { group: undefined, read: 0 };
  const files: { readonly file: WalFile; readonly named: number }[] = [];
  for await (const file of walStore.list({ between: { begin, end } })) {
    if (file.kind === 'segment') files.push({ file, named: (await walStore.facts(file.name))?.namedMs ?? 0 });
  }
  const isOld = ({ named }: { readonly named: number }) => known !== undefined && named < known.newest - CLOCK_STEP;
  // More old ones than there were: something kept its time when it came.
  const isTrusted = known !== undefined && files.filter(isOld).length <= known.count;
  const fresh = isTrusted ? files.filter((file) => !isOld(file)) : files;
  const found = new Map<string, string>();
  let isLate = false;
  await inParallel(fresh, 4, async ({ file }) => {
    isLate ||= Date.now() > until;
    const systemId = isLate ? undefined : await systemOf(scope, walStore, file);
    if (systemId !== undefined) found.set(file.name, systemId);
  });
  if (isLate) return { group: undefined, read: 0 };
  let own = isTrusted ? known.own : null;
  for (const systemId of found.values()) own ??= (await systems.isKnown(systemId)) ? systemId : null;
  const isFresh = new Set(fresh.map(({ file }) => file.name));
  const others: Record<string, string> = {};
  for (const { file } of files) {
    const systemId = isFresh.has(file.name) ? found.get(file.name) : known?.others[file.name];
    if (systemId !== undefined && systemId !== own) others[file.name] = systemId;
  }
  const newest = files.reduce((latest, { named }) => Math.max(latest, named), 0);
  return { group: { stamp, newest, count: files.length, own, others }, read: fresh.length };
}

/** Of a plain segment, or one in gzip; undefined where that is not to be seen at once, or it cannot be read. */
async function systemOf(scope: ServerScope, store: WalStore, file: WalFile): Promise<string | undefined> {
  try {
    const found = await store.open(file.name);
    if (found === undefined || found === 'no file') return undefined;
    try {
      const { header } = await examineWal(file, found.handle, found.stats, scope.codecs, null);
      return header?.systemId;
    } finally {
      await found.handle.close();
    }
  } catch (error) {
    if (!(error instanceof BarmanError) && errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

async function recall(path: string): Promise<Memory> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return {};
  }
  const { memorySchema } = await import('./foreign-memory.ts');
  try {
    const parsed = memorySchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : {};
  } catch {
    return {};
  }
}

async function remember(scope: ServerScope, memory: Memory): Promise<void> {
  try {
    await writeDurably(scope.catalog.layout.walSystems, `${JSON.stringify(memory)}\n`, { mode: 0o640 });
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    scope.log.debug(`cannot write '${scope.catalog.layout.walSystems}': it is read again the next time`);
  }
}
