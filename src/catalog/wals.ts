/** The WAL archive of one server: its index, read and written only under `.SERVER-xlogdb.lock`. Source: spec wal.md 2. */
import { dirname } from 'node:path';
import { exists } from '../adapters/files.ts';
import { withLock } from '../adapters/lock.ts';
import type { ServerConfig } from '../config/options.ts';
import { errnoOf, WalError } from '../domain/errors.ts';
import { formatLiteral } from '../domain/python-literal.ts';
import { parseWalName } from '../domain/wal.ts';
import { formatWalLine, parseWalLine, type WalRecord } from '../domain/xlogdb.ts';
import type { Catalog, Notify } from './catalog.ts';
import { archivedWalPath, type CatalogLayout, serverLock } from './layout.ts';
import { isDirectory, modeOf, sizeOf, unlinkDurably } from './paths.ts';
import { archivedFiles, customForm, describeWal, eachSegment, lastArchivedWals, type Unlisted } from './wal-files.ts';
import { appendLines, repairTail, replaceIndex, scanLines } from './wal-index.ts';
import { removeObsolete } from './wal-removal.ts';

type WalCatalog = Pick<
  Catalog,
  | 'readWals'
  | 'appendWals'
  | 'removeWals'
  | 'hasWals'
  | 'rebuildXlogdb'
  | 'walPath'
  | 'eachSegment'
  | 'lastArchivedWals'
>;

export function openWals(layout: CatalogLayout, config: ServerConfig, notify: Notify): WalCatalog {
  const archive = new Archive(layout, config, notify);
  return {
    readWals: (visit, options = {}) => archive.read(visit, options.from ?? ''),
    appendWals: (records) => archive.append(records),
    removeWals: (isObsolete, hooks = {}) =>
      archive.locked(async () => {
        if (!(await archive.prepare())) return [];
        return removeObsolete(layout, notify, isObsolete, hooks);
      }),
    hasWals: () => archive.hasContent(),
    rebuildXlogdb: () => archive.locked(() => archive.rebuild()),
    walPath: (name) => archivedWalPath(layout, name),
    eachSegment: (visit) => eachSegment(layout, visit),
    lastArchivedWals: () => lastArchivedWals(layout),
  };
}

/** What to type when the index is damaged. */
export function rebuildHint(server: string): string {
  return `Please run "barman rebuild-xlogdb ${server}" to solve this issue`;
}

const NO_NAMES: ReadonlySet<string> = new Set();
const SEGMENT_NAME_LENGTH = 24;
const TAB = 9;

class Archive {
  private readonly layout: CatalogLayout;
  private readonly config: ServerConfig;
  private readonly notify: Notify;

  constructor(layout: CatalogLayout, config: ServerConfig, notify: Notify) {
    this.layout = layout;
    this.config = config;
    this.notify = notify;
  }

  locked<T>(body: () => Promise<T>): Promise<T> {
    return withLock(serverLock(this.layout, 'xlogdb'), { wait: true }, body);
  }

  async read(visit: (record: WalRecord) => boolean | void, from: string): Promise<void> {
    await this.locked(async () => {
      if (!(await this.prepare())) return;
      await scanLines(this.layout.xlogdb, (line) => {
        // A line begins with its name: one comparison passes over a segment that nobody asked for.
        if (line < from && line.charCodeAt(SEGMENT_NAME_LENGTH) === TAB) return true;
        const record = parseWalLine(line);
        if (record === undefined) throw this.badLine(line);
        return visit(record);
      });
    });
  }

  async append(records: readonly WalRecord[]): Promise<void> {
    if (records.length === 0) return;
    // A record that cannot be written must fail before the lock and the file are touched.
    for (const record of records) formatWalLine(record);
    await this.locked(async () => {
      // A rebuild finds the very files that are about to be listed: they must not be listed twice.
      await this.prepare(new Set(records.map(({ name }) => name)));
      await appendLines(this.layout.xlogdb, records);
    });
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

  /** Under the lock. Counts what it lists. */
  async rebuild(except = NO_NAMES): Promise<{ history: number; labels: number; segments: number }> {
    const { layout } = this;
    if (layout.walsDirectory.includes('://')) {
      throw new WalError('Rebuilding xlogdb is not supported for servers using cloud storage');
    }
    const counts = { history: 0, labels: 0, segments: 0 };
    const custom = customForm(this.config);
    await replaceIndex(layout.xlogdb, async (write) => {
      for await (const { file, path } of archivedFiles(layout, (thing) => this.tellUnlisted(thing))) {
        if (except.has(file.name)) continue;
        const record = describeWal(path, file.name, custom);
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
    const path = archivedWalPath(this.layout, name);
    return (await exists(path)) ? describeWal(path, name, customForm(this.config)) : undefined;
  }

  private badLine(line: string): WalError {
    return new WalError(`cannot parse line: ${formatLiteral(line)}`, { hint: rebuildHint(this.layout.server) });
  }

  private tellUnlisted({ path, reason }: Unlisted): void {
    if (reason === 'link') this.notify.warning(`'${path}' is a symbolic link: it is not listed in the WAL index`);
    else if (reason === 'temporary') this.notify.log?.(`temporary file found rebuilding the wal database: ${path}`);
    else this.notify.log?.(`unexpected ${reason} found rebuilding the wal database: ${path}`);
  }
}
