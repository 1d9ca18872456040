/**
 * WAL files that arrive as a tar stream: received under hidden names, checked, judged, and only then published in
 * `incoming`, all or none. When the promise resolves without an error being reported, every file of the stream is on disk
 * under its name. Source: docs/behaviour/wal.md 8; faults.md REF2, REF3, A1 to A12.
 */
import type { Readable } from 'node:stream';
import { openSystems } from '../../catalog/systems.ts';
import { makeDirectory } from '../../host/files.ts';
import { BarmanError, errnoOf, messageOf, WalError } from '../../domain/errors.ts';
import type { ServerScope } from '../../server/scope.ts';
import { judgeArrival, type Judged, publishArrivals } from './admission.ts';
import { type Arrivals, receiveArrivals, verifyChecksums } from './arrivals.ts';
import type { PutRun } from './put-run.ts';

/** Takes in every file of the stream. What is refused is reported as an error, and then nothing of the stream is kept. */
export async function putWals(scope: ServerScope, source: Readable, origin: string): Promise<void> {
  const { incomingWalsDirectory } = scope.config;
  await makeDirectory(incomingWalsDirectory);
  const arrivals: Arrivals = { files: [], sums: undefined };
  try {
    const where = ` in put-wal for server '${scope.name}'${origin}`;
    const run: PutRun = { scope, settings: scope.codecs, where, systems: await openSystems(scope.catalog) };
    await receiveArrivals(run, source, arrivals);
    if (!(await verifyChecksums(run, arrivals))) return;
    const judged: Judged[] = [];
    for (const arrival of arrivals.files) judged.push({ arrival, verdict: await judgeArrival(run, arrival) });
    if (judged.some(({ verdict }) => verdict === 'refused')) return;
    await publishArrivals(run, judged);
  } catch (error) {
    throw inWords(error, scope);
  } finally {
    for (const { handle, discard } of arrivals.files) {
      await handle.close();
      await discard();
    }
  }
}

function inWords(error: unknown, scope: ServerScope): unknown {
  const code = errnoOf(error);
  if (error instanceof BarmanError || code?.startsWith('E') !== true) return error;
  const directory = scope.config.incomingWalsDirectory;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return new WalError(`cannot store the WAL of server '${scope.name}' in '${directory}': ${messageOf(error)}`, {
    cause: error,
    hint: `${isFull ? `make space in '${directory}'` : 'remove the cause'}; PostgreSQL keeps the file and sends it again`,
  });
}
