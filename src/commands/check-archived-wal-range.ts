/**
 * `barman check-archived-wal-range SERVER BEGIN END`: is every segment of a range archived?
 * Source: docs/behaviour/cli.md 4.4.
 */
import { countSegments } from '../domain/wal/wal-range.ts';
import { parseWalName, type WalFile } from '../domain/wal/wal.ts';
import type { CommandContext } from '../server/context.ts';
import { selectServer } from '../server/select.ts';
import type { ServerScope } from '../server/scope.ts';
import { withServer } from '../server/with-server.ts';
import { type ArchivedRange, examineRange, latestSegmentSize } from '../wal/archived-range.ts';
import { archivedRangeResult, serverHeadingResult } from '../output/results/check-archived-wal-range.ts';

export interface CheckArchivedWalRangeOptions {
  readonly serverName: string;
  readonly beginWal: string;
  readonly endWal: string;
}

export async function run(ctx: CommandContext, options: CheckArchivedWalRangeOptions): Promise<void> {
  const server = await selectServer(ctx, options.serverName, 'every');
  if (server === undefined) return;
  await withServer(ctx, server, (scope) => checkRange(scope, options), { offline: true });
}

async function checkRange(scope: ServerScope, options: CheckArchivedWalRangeOptions): Promise<void> {
  const { output } = scope;
  const { beginWal, endWal } = options;
  const range = parseRange(scope, options);
  if (range === undefined) return;
  output.result(serverHeadingResult(scope.name, { [scope.name]: { begin_wal: beginWal, end_wal: endWal } }));
  const segmentSize = await latestSegmentSize(scope);
  if (segmentSize === undefined) {
    output.error(`No backup found for server '${scope.name}': cannot determine WAL segment size`);
    return;
  }
  output.debug(`\tChecking WAL sequence from ${beginWal} to ${endWal}`);
  const found = await examineRange(scope, range.begin, range.end, segmentSize);
  const { missing } = found;
  output.result(archivedRangeResult({ server: scope.name, begin: beginWal, end: endWal, missing, segmentSize }));
  warnOfIndex(scope, found);
  const count = countSegments(missing);
  if (count === 0) return;
  output.error(
    `WAL sequence check failed for server '${scope.name}': ${count} missing segment(s) in range ${beginWal}..${endWal}`,
  );
}

/** The segments with their digits in capitals, as file names have them. */
function parseRange(
  { output }: CommandContext,
  { beginWal, endWal }: CheckArchivedWalRangeOptions,
): { begin: WalFile; end: WalFile } | undefined {
  const files = [beginWal, endWal].map((name) =>
    parseWalName(name)?.kind === 'segment' ? parseWalName(name.toUpperCase()) : undefined,
  );
  const [begin, end] = files;
  if (begin === undefined || end === undefined) {
    output.error(`Invalid WAL segment name: ${begin === undefined ? beginWal : endWal}`);
    return undefined;
  }
  if (begin.timeline !== end.timeline) {
    output.error(`begin_wal (${beginWal}) and end_wal (${endWal}) must be on the same timeline`);
    return undefined;
  }
  if (begin.name > end.name) {
    output.error(`begin_wal (${beginWal}) must not be greater than end_wal (${endWal})`);
    return undefined;
  }
  return { begin, end };
}

/** Files and index disagree: the files are right, but list-backups, delete and sync go by the index. */
function warnOfIndex(scope: ServerScope, found: ArchivedRange): void {
  const { xlogdb } = scope.catalog.layout;
  const repair = `run "barman rebuild-xlogdb ${scope.name}"`;
  const { unlisted, indexProblem } = found;
  const listedOnly = found.listedOnly.map((name) => scope.catalog.walStore.locate(name));
  if (indexProblem !== undefined) {
    scope.output.warning(
      `the WAL index '${xlogdb}' cannot be compared with the files: ${indexProblem.message}\n${repair}`,
    );
  }
  if (unlisted.length > 0) {
    scope.output.warning(`archived, but not listed in '${xlogdb}': ${some(unlisted)}\n${repair} to list them`);
  }
  if (listedOnly.length > 0) {
    scope.output.warning(
      `listed in '${xlogdb}', but there is no such file: ${some(listedOnly)}\n${repair} when the files cannot be brought back`,
    );
  }
}

/** Up to five by path, the rest by number. */
function some(paths: readonly string[]): string {
  const more = paths.length > 5 ? ` and ${paths.length - 5} more` : '';
  return paths.slice(0, 5).join(', ') + more;
}
