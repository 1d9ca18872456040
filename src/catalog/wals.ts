/**
 * The WAL archive of one server: its index, read and written only under `.SERVER-xlogdb.lock`.
 * Source: docs/behaviour/wal.md 2.
 */
import { lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { compareBytes } from '../host/files.ts';
import { withLock } from '../host/lock.ts';
import type { ServerConfig } from '../config/options.ts';
import { errnoOf, WalError } from '../domain/errors.ts';
import { openWalDirectory } from '../storage/directory/wal-directory.ts';
import type { Misplaced, WalStore } from '../storage/wal-store.ts';
import { formatLiteral } from '../domain/text/python-literal.ts';
import { parseWalName, type WalFile } from '../domain/wal/wal.ts';
import { parseMagic } from '../domain/wal/wal-content.ts';
import { formatWalLine, parseWalLine, type WalRecord } from '../domain/wal/xlogdb.ts';
import { isObject } from '../domain/location.ts';
import type { Catalog, Notify, RebuildCounts } from './catalog.ts';
import { type CatalogLayout, serverLock } from './layout.ts';
import { isDirectory, modeOf, sizeOf, unlinkDurably } from './paths.ts';
import { appendLines, isLineAt, repairTail, replaceIndex, scanLines } from './wal-index.ts';
import { removeObsolete } from './wal-removal.ts';

type WalCatalog = Pick<
  Catalog,
  'readWals' | 'appendWals' | 'mergeWals' | 'removeWals' | 'unlistWal' | 'hasWals' | 'rebuildXlogdb' | 'walStore'
>;

export function openWals(layout: CatalogLayout, config: ServerConfig, notify: Notify): WalCatalog {
  const walStore = openStore(layout, config);
  const archive = new Archive(layout, walStore, notify);
  return {
    readWals: (visit, options = {}) => archive.read(visit, options),
    appendWals: (records) => archive.append(records),
    mergeWals: (records) => archive.merge(records),
    removeWals: (isObsolete, hooks = {}) =>
      archive.locked(async () => {
        if (!(await archive.prepare())) return [];
        return removeObsolete(layout, walStore, notify, isObsolete, hooks);
      }),
    unlistWal: (name) => archive.unlist(name),
    hasWals: () => archive.hasContent(),
    rebuildXlogdb: () => archive.locked(() => archive.rebuild(NO_NAMES, true)),
    walStore,
  };
}

/** The index lies among the files that it lists. */
function openStore({ server, walsDirectory }: CatalogLayout, config: ServerConfig): WalStore {
  return openWalDirectory({
    root: walsDirectory,
    custom: config.compression === 'custom' ? { magic: parseMagic(config.customCompressionMagic) } : undefined,
    isForeign: (name) => name.startsWith(`${server}-xlog.db`) || name === 'xlog.db',
  });
}

/** What to type when the index is damaged. compat 3.20.1: its words; which file it is, is ours. */
export function rebuildHint({ server, xlogdb }: CatalogLayout): string {
  return `Please run "barman rebuild-xlogdb ${server}" to solve this issue: '${xlogdb}' is damaged`;
}

type WalVisitor = Parameters<Catalog['readWals']>[0];
type ReadOptions = NonNullable<Parameters<Catalog['readWals']>[1]>;

const NO_NAMES: ReadonlySet<string> = new Set();
/** State of a passive node. */
const SYNC_STATE = 'sync-wals.info';
/** The kernel stamps files with a clock that goes in steps, milliseconds. */
const CLOCK_STEP = 20;
const SEGMENT_NAME_LENGTH = 24;
const TAB = 9;

class Archive {
  private readonly layout: CatalogLayout;
  private readonly store: WalStore;
  private readonly notify: Notify;

  constructor(layout: CatalogLayout, store: WalStore, notify: Notify) {
    this.layout = layout;
    this.store = store;
    this.notify = notify;
  }

  locked<T>(body: () => Promise<T>): Promise<T> {
    return withLock(serverLock(this.layout, 'xlogdb'), { wait: true }, body);
  }

  async read(visit: WalVisitor, { from = '', at }: ReadOptions): Promise<void> {
    const { xlogdb } = this.layout;
    await this.locked(async () => {
      if (!(await this.prepare())) return;
      const start = at !== undefined && (await isLineAt(xlogdb, at.position, at.name)) ? at.position : 0;
      const onLine = (line: string, position: number) => {
        // A line begins with its name: one comparison passes over a segment that nobody asked for.
        if (line < from && line.charCodeAt(SEGMENT_NAME_LENGTH) === TAB) return true;
        const record = parseWalLine(line);
        if (record === undefined) throw this.badLine(line);
        return visit(record, position);
      };
      await scanLines(xlogdb, onLine, start);
    });
  }

  async append(records: readonly WalRecord[]): Promise<void> {
    if (records.length === 0) return;
    // A record that cannot be written must fail before the lock and the file are touched.
    for (const record of records) formatWalLine(record);
    await this.locked(async () => {
      // A rebuild finds the very files that are about to be listed: they must not be listed twice.
      await this.prepare(new Set(records.map(({ name }) => name)));
      await appendLines(this.layout.xlogdb, await this.withoutListed(records));
    });
  }

  async merge(records: readonly WalRecord[]): Promise<void> {
    const missing = new Map(records.map((record) => [record.name, formatWalLine(record)]));
    await this.locked(async () => {
      await this.prepare(new Set(missing.keys()));
      const { xlogdb } = this.layout;
      if ((await modeOf(xlogdb)) !== undefined) await scanLines(xlogdb, (line) => void missing.delete(nameOf(line)));
      if (missing.size === 0) return;
      const waiting = [...missing].sort(([left], [right]) => compareBytes(left, right));
      await replaceIndex(xlogdb, async (write) => {
        const writeUpTo = (name?: string) => {
          while (waiting[0] !== undefined && (name === undefined || waiting[0][0] < name)) {
            write(waiting.shift()?.[1] ?? '');
          }
        };
        await scanLines(xlogdb, (line) => {
          writeUpTo(nameOf(line));
          write(`${line}\n`);
        });
        writeUpTo();
      });
    });
  }

  async unlist(name: string): Promise<void> {
    await this.locked(async () => {
      if (!(await this.prepare())) return;
      await replaceIndex(this.layout.xlogdb, (write) =>
        scanLines(this.layout.xlogdb, (line) => {
          if (nameOf(line) !== name) write(`${line}\n`);
        }),
      );
    });
  }

  /** The same when it was another process that rebuilt the index, after our files got their names and before this lock. */
  private async withoutListed(records: readonly WalRecord[]): Promise<readonly WalRecord[]> {
    const { layout } = this;
    const born = bornAt(layout.xlogdb);
    if (born === undefined || !(await this.isAnyNamedBefore(records, born + CLOCK_STEP))) return records;
    const missing = new Map(records.map((record) => [record.name, record]));
    await scanLines(layout.xlogdb, (line) => void missing.delete(nameOf(line)));
    return [...missing.values()];
  }

  private async isAnyNamedBefore(records: readonly WalRecord[], time: number): Promise<boolean> {
    for (const { name } of records) {
      const facts = await this.store.facts(name);
      if (facts !== undefined && facts.namedMs <= time) return true;
    }
    return false;
  }

  async hasContent(): Promise<boolean> {
    const { xlogdb, walsDirectory } = this.layout;
    const size = await sizeOf(xlogdb);
    if (size !== undefined) return size > 0;
    if (!(await isDirectory(walsDirectory))) return false;
    await this.locked(() => this.prepare());
    return ((await sizeOf(xlogdb)) ?? 0) > 0;
  }

  /**
   * Under the lock: makes the index from the files when there is none, and ends a torn last line. False when there is
   * neither an index nor an archive.
   */
  async prepare(except = NO_NAMES): Promise<boolean> {
    const { xlogdb, walsDirectory } = this.layout;
    if ((await modeOf(xlogdb)) !== undefined) {
      await this.repair();
      return true;
    }
    if (!(await isDirectory(walsDirectory))) return false;
    await this.rebuild(except);
    return true;
  }

  /** Under the lock. Counts what it lists. `isAsked`: the administrator wants to know of everything that is left out. */
  async rebuild(except = NO_NAMES, isAsked = false): Promise<RebuildCounts> {
    const { layout } = this;
    if (isObject(layout.wals)) {
      throw new WalError('Rebuilding xlogdb is not supported for servers using cloud storage');
    }
    const counts = { history: 0, labels: 0, segments: 0, unread: 0 };
    await replaceIndex(layout.xlogdb, async (write) => {
      const onMisplaced = (thing: Misplaced) => {
        if (thing.error !== undefined) counts.unread += 1;
        this.tellUnlisted(thing, isAsked);
      };
      for await (const file of this.store.list({ onMisplaced })) {
        if (except.has(file.name)) continue;
        const record = await this.describe(file, () => (counts.unread += 1));
        if (record === undefined) continue;
        write(formatWalLine(record));
        counts[file.kind === 'history' ? 'history' : file.kind === 'label' ? 'labels' : 'segments'] += 1;
      }
    });
    if (layout.legacyXlogdb !== layout.xlogdb) await unlinkDurably(layout.legacyXlogdb, dirname(layout.legacyXlogdb));
    return counts;
  }

  private async repair(): Promise<void> {
    const { xlogdb, server } = this.layout;
    try {
      const repair = await repairTail(xlogdb, (torn) => this.recall(torn));
      if (repair === 'restored') {
        this.notify.warning(`the last line of '${xlogdb}' was cut short: it was restored from the WAL file itself`);
      } else if (repair === 'dropped') {
        this.notify.warning(
          `the last line of '${xlogdb}' was cut short and is dropped: run "barman rebuild-xlogdb ${server}" to list the WAL file that it spoke of`,
        );
      }
    } catch (error) {
      // A reader that may not write reads what is whole.
      if (!(error instanceof WalError) || errnoOf(error.cause) === undefined) throw error;
      this.notify.log?.(`cannot repair '${xlogdb}': ${error.message}`);
    }
  }

  /** The record of a torn line whose name is whole, from the file in the archive. */
  private async recall(torn: string): Promise<WalRecord | undefined> {
    const [name = '', ...others] = torn.split('\t');
    if (others.length === 0 || !parseWalName(name)) return undefined;
    return this.store.describe(name);
  }

  private badLine(line: string): WalError {
    return new WalError(`cannot parse line: ${formatLiteral(line)}`, { hint: rebuildHint(this.layout) });
  }

  /** What cannot be read, or holds nothing, is left out with a warning: the other files are worth an index. */
  private async describe({ name, kind }: WalFile, onUnread: () => void): Promise<WalRecord | undefined> {
    try {
      const record = await this.store.describe(name);
      // PostgreSQL does not flush a label, and no recovery reads one.
      if (record === undefined || record.size > 0 || kind === 'label') return record;
      this.notify.warning(`'${this.store.locate(name)}' is empty: it is not listed in the WAL index`);
    } catch (error) {
      if (!(error instanceof WalError)) throw error;
      onUnread();
      this.notify.warning(`${error.message}: it is not listed in the WAL index`);
    }
    return undefined;
  }

  private tellUnlisted(thing: Misplaced, isAsked: boolean): void {
    const { name, location, reason, error } = thing;
    const isKnown = name.endsWith('.partial') || name.startsWith('.') || name === SYNC_STATE || reason === 'temporary';
    if (error !== undefined) this.notify.warning(`${error.message}: nothing in it is listed in the WAL index`);
    else if (reason === 'link')
      this.notify.warning(`'${location}' is a symbolic link: it is not listed in the WAL index`);
    else if (isAsked && !isKnown)
      this.notify.warning(`'${location}' ${misfit(thing)}: it is not listed in the WAL index`);
    else if (reason === 'temporary') this.notify.log?.(`temporary file found rebuilding the wal database: ${location}`);
    else this.notify.log?.(`unexpected ${reason} found rebuilding the wal database: ${location}`);
  }
}

/** Why something that lies in the archive is no part of it. */
function misfit({ name, reason, belongs }: Misplaced): string {
  const isWalName = parseWalName(name) !== undefined;
  if (reason === 'directory') return isWalName ? 'is a directory, not a WAL file' : 'is a directory';
  if (!isWalName) return 'is no WAL file';
  return belongs === undefined ? 'is no regular file' : `lies in the wrong directory (it belongs into '${belongs}')`;
}

function nameOf(line: string): string {
  return line.slice(0, Math.max(0, line.indexOf('\t')));
}

/** When the index got its inode, milliseconds; undefined where there is none, or the file system does not know. */
function bornAt(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.birthtimeMs || undefined;
}
