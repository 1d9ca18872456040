/** `barman check-archived-wal-range`. Source: docs/behaviour/cli.md 4.4 and 6.7. */
import { segmentRange, parseWalName } from '../../domain/wal/wal.ts';
import { countSegments, type WalRun } from '../../domain/wal/wal-range.ts';
import type { JsonObject, Result } from '../output.ts';

/** More missing segments than these are told as runs: a terabyte of WAL is 65,536 segments of 16 MiB. */
const MOST_NAMES = 100_000;

export interface ShownRange {
  readonly server: string;
  /** As typed. */
  readonly begin: string;
  readonly end: string;
  readonly missing: readonly WalRun[];
  readonly segmentSize: number;
}

/** Every missing segment by name; `FIRST..LAST` for each run where they are too many. */
export function archivedRangeResult(shown: ShownRange): Result {
  const { server, begin, end, missing } = shown;
  const count = countSegments(missing);
  const names = missingNames(shown, count);
  const verdict = count === 0 ? 'all segments are present' : `${count} missing segment(s):`;
  return {
    console: () => [
      `\tWAL sequence check for server ${server}: ${verdict}`,
      ...(names.length > 0 ? [names.map((name) => `\t\t${name}`).join('\n')] : []),
    ],
    json: () => ({ [server]: { begin_wal: begin, end_wal: end, missing_wals: names } }),
  };
}

/** The line above a server's findings. */
export function serverHeadingResult(server: string, json: JsonObject = {}): Result {
  return { console: () => [`Server ${server}:`], json: () => json };
}

function missingNames({ missing, segmentSize }: ShownRange, count: number): readonly string[] {
  if (count > MOST_NAMES) return missing.map((run) => (run.count === 1 ? run.first : `${run.first}..${run.last}`));
  return missing.flatMap(({ first, last }) => {
    const [from, to] = [parseWalName(first), parseWalName(last)];
    return from && to ? [...segmentRange(from, to, segmentSize)] : [];
  });
}
