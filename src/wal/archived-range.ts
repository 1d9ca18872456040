/**
 * Are all segments of a range archived? The files decide; the index is looked at too, because every other command believes
 * it. Source: docs/behaviour/wal.md 10.
 */
import { exists } from '../host/files.ts';
import { isCopyDone } from '../domain/backup/backup-info.ts';
import { WalError } from '../domain/errors.ts';
import { GapFinder, isSegmentOfSize, segmentAt, segmentPosition, type WalRun } from '../domain/wal/wal-range.ts';
import { parseWalName, type WalFile } from '../domain/wal/wal.ts';
import type { ServerScope } from '../server/scope.ts';

export interface ArchivedRange {
  /** Runs of segments that have no file. */
  readonly missing: readonly WalRun[];
  /** Archived, but not in the index: paths, in order. */
  readonly unlisted: readonly string[];
  /** In the index without a file: names, in order. */
  readonly listedOnly: readonly string[];
  /** Why the index could not be compared. */
  readonly indexProblem: WalError | undefined;
}

/** Bytes of a segment according to the newest backup that can be restored; undefined when there is none. */
export async function latestSegmentSize(scope: ServerScope): Promise<number | undefined> {
  const { backups } = await scope.catalog.listBackups();
  return backups.findLast(isCopyDone)?.xlogSegmentSize;
}

/**
 * @param begin the first segment; `end` the last one: of one timeline, in order
 * @throws WalError for a name that no segment of this size has, and for a directory that cannot be read
 */
export async function examineRange(
  scope: ServerScope,
  begin: WalFile,
  end: WalFile,
  segmentSize: number,
): Promise<ArchivedRange> {
  for (const file of [begin, end]) {
    if (isSegmentOfSize(file, segmentSize)) continue;
    throw new WalError(`WAL segment ${file.name} does not exist where segments have ${segmentSize} bytes`, {
      hint: 'the size of a segment is taken from the latest backup: see "barman show-backup SERVER latest"',
    });
  }
  const { catalog } = scope;
  const { listed, indexProblem } = await listedPositions(scope, begin, end, segmentSize);
  const gaps = new GapFinder(begin, end, segmentSize);
  const unlisted: string[] = [];
  for await (const file of catalog.walStore.list({ between: { begin, end } })) {
    if (file.kind !== 'segment') continue;
    const position = segmentPosition(file, segmentSize);
    // A name in small letters, or of another segment size, is not the file that PostgreSQL will ask for.
    if (file.name !== segmentAt(begin.timeline, position, segmentSize)) continue;
    gaps.see(position);
    if (listed !== undefined && !listed.delete(position)) unlisted.push(catalog.walStore.locate(file.name));
  }
  const listedOnly = [...(listed ?? [])]
    .sort((left, right) => left - right)
    .map((position) => segmentAt(begin.timeline, position, segmentSize));
  return { missing: gaps.finish(), unlisted, listedOnly, indexProblem };
}

interface Listed {
  /** undefined: there is no index, and the next command that needs it makes it from the files. */
  readonly listed: Set<number> | undefined;
  readonly indexProblem: WalError | undefined;
}

async function listedPositions(scope: ServerScope, begin: WalFile, end: WalFile, segmentSize: number): Promise<Listed> {
  const { catalog } = scope;
  if (!(await exists(catalog.layout.xlogdb))) return { listed: undefined, indexProblem: undefined };
  const listed = new Set<number>();
  try {
    await catalog.readWals(
      ({ name }) => {
        if (name < begin.name || name > end.name) return;
        const file = parseWalName(name);
        if (file?.kind === 'segment') listed.add(segmentPosition(file, segmentSize));
      },
      { from: begin.name },
    );
    return { listed, indexProblem: undefined };
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    return { listed: undefined, indexProblem: error };
  }
}
