/**
 * Deletes obsolete WAL files. The order is the safety: name by name, first the files, then their directories are flushed,
 * then the index is replaced. A kill at any instant leaves at worst lines whose obsolete file is gone, which the next run
 * takes out; never a needed file gone. Source: docs/behaviour/wal.md 9, faults.md REF1, REF5.
 */
import { compareBytes } from '../host/files.ts';
import { parseWalName } from '../domain/wal/wal.ts';
import { parseWalLine, type WalRecord } from '../domain/wal/xlogdb.ts';
import type { WalRemoval, WalStore } from '../storage/wal-store.ts';
import type { Catalog, Notify } from './catalog.ts';
import type { CatalogLayout } from './layout.ts';
import { systemReason } from '../host/system-reason.ts';
import { replaceIndex, scanLines } from './wal-index.ts';

type Predicate = Parameters<Catalog['removeWals']>[0];
type Hooks = NonNullable<Parameters<Catalog['removeWals']>[1]>;

/** Files unlinked at a time when no hook wants to see each. */
const AT_ONCE = 32;

/** The caller holds the xlogdb lock and the index is there. */
export async function removeObsolete(
  layout: CatalogLayout,
  store: WalStore,
  notify: Notify,
  isObsolete: Predicate,
  hooks: Hooks,
): Promise<readonly WalRecord[]> {
  const obsolete = await findObsolete(layout, notify, isObsolete);
  if (obsolete.length === 0) return [];
  const removal = new Removal(layout, store.removal(), notify);
  try {
    const step = hooks.before || hooks.after ? 1 : AT_ONCE;
    for (let from = 0; from < obsolete.length; from += step) {
      await Promise.all(obsolete.slice(from, from + step).map((record) => removal.remove(record, hooks)));
    }
  } finally {
    await removal.settle();
  }
  return obsolete.filter(({ name }) => removal.gone.has(name));
}

async function findObsolete(
  layout: CatalogLayout,
  notify: Notify,
  isObsolete: Predicate,
): Promise<readonly WalRecord[]> {
  const found = new Map<string, WalRecord>();
  let badLines = 0;
  await scanLines(layout.xlogdb, (line) => {
    const record = parseWalLine(line);
    if (record === undefined) badLines += 1;
    else if (!record.name.endsWith('.history') && isObsolete(record) && parseWalName(record.name)) {
      if (!found.has(record.name)) found.set(record.name, record);
    }
  });
  if (badLines > 0) {
    // They stay as they are, and so does whatever they speak of.
    notify.warning(`'${layout.xlogdb}' has ${badLines} damaged line(s): run "barman rebuild-xlogdb ${layout.server}"`);
  }
  return [...found.values()];
}

class Removal {
  /** Names whose file is not there any more. */
  readonly gone = new Set<string>();
  private readonly layout: CatalogLayout;
  private readonly notify: Notify;
  private readonly files: WalRemoval;
  private readonly missing: string[] = [];

  constructor(layout: CatalogLayout, files: WalRemoval, notify: Notify) {
    this.layout = layout;
    this.files = files;
    this.notify = notify;
  }

  async remove(record: WalRecord, hooks: Hooks): Promise<void> {
    await hooks.before?.(record);
    try {
      if (!(await this.files.remove(record.name))) this.missing.push(record.name);
    } catch (error) {
      this.notify.warning(this.ignoring(record.name, systemReason(error)));
      return;
    }
    this.gone.add(record.name);
    hooks.gone?.(record);
    await hooks.after?.(record);
  }

  /** Makes durable what was done so far, and takes it out of the index. */
  async settle(): Promise<void> {
    await this.files.settle();
    await replaceIndex(this.layout.xlogdb, async (write) => {
      await scanLines(this.layout.xlogdb, (line) => {
        if (!this.gone.has(nameOf(line))) write(`${line}\n`);
      });
    });
    this.tellMissing();
  }

  private tellMissing(): void {
    // Those that went at a time come in any order.
    const [first, ...others] = this.missing.toSorted(compareBytes);
    if (first === undefined) return;
    const gone = 'No such file or directory';
    if (others.length === 0) return this.notify.warning(this.ignoring(first, gone));
    this.notify.warning(
      `Ignoring deletion of ${this.missing.length} WAL files for server ${this.layout.server} that are already gone: ${first} to ${others.at(-1)}`,
    );
  }

  private ignoring(name: string, reason: string): string {
    return `Ignoring deletion of WAL file ${name} for server ${this.layout.server}: ${reason}`;
  }
}

function nameOf(line: string): string {
  const end = line.search(/\s/);
  return end < 0 ? line : line.slice(0, end);
}
