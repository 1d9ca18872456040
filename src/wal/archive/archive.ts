/**
 * Moves received WAL into the archive: first what was streamed, then what archive_command brought.
 * Source: docs/behaviour/wal.md 3. A source file is unlinked only when its archived copy, the directory and the line in
 * xlog.db are on disk; a run that was killed leaves the source, and the next one finishes what is missing.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { HookAbortError } from '../../domain/errors.ts';
import { inOrder } from '../../domain/in-order.ts';
import { parseWalName } from '../../domain/wal/wal.ts';
import type { ServerScope } from '../../server/scope.ts';
import { type ArchiveRun, type GrowingFiles, openRun } from './archive-run.ts';
import { beginFile, withoutTold } from './archive-file.ts';
import { type Queue, scanQueue } from './queue.ts';
import { moveToErrors } from '../rejects/rejects.ts';
import { withLock } from '../../server/locks.ts';

/** Files whose content is written ahead of their turn: one more than there are processors, as one of them waits for its disk. */
const LANES = availableParallelism() + 1;

export interface ArchiveOptions {
  /** Also says that there was nothing to do: the archive-wal command. Elsewhere the heading comes with the first file. */
  readonly verbose: boolean;
  /** Says nothing when another archive-wal is at work: for loops. */
  readonly silentWhenBusy?: boolean;
  /** For loops: remembers the incomplete files that were told, so that each state of them is told once. */
  readonly told?: GrowingFiles;
}

export interface ArchiveOutcome {
  /** Names that were put into the archive, in order. */
  readonly archived: readonly string[];
  /** Another archive-wal is at work on this server: nothing was done. */
  readonly isBusy: boolean;
}

/**
 * One archival pass under the archive-wal lock. Rejected files (junk, different twins) go to the errors directory and
 * change no exit code.
 * @throws WalError when a file cannot be stored: it and the rest stay in their queue
 */
export async function archiveWals(scope: ServerScope, options: ArchiveOptions): Promise<ArchiveOutcome> {
  if (!scope.role.collects) return { archived: [], isBusy: false };
  scope.output.debug(`Starting archive-wal for server ${scope.name}`);
  const work = options.silentWhenBusy === true ? 'archive silently' : 'archive';
  const archived = await withLock(scope, work, async () => {
    const run = openRun(scope, options.told);
    await archiveQueues(run, options);
    return run.archived;
  });
  return { archived: archived ?? [], isBusy: archived === undefined };
}

/**
 * Archives these streamed files, complete or not: for who holds the receive-wal lock and wants them out of its directory. What is
 * rejected leaves it too. @throws WalError when another archive-wal does not end
 */
export async function archiveReceived(scope: ServerScope, names: readonly string[]): Promise<void> {
  const { streamingWalsDirectory: directory } = scope.config;
  const files = names.flatMap((name) => parseWalName(name) ?? []);
  const stalePartials = files.filter(({ kind }) => kind === 'partial').map(({ name }) => name);
  const queue: Queue = { kind: 'streaming', directory, total: files.length, files, unknown: [], stalePartials };
  await withLock(scope, 'archive received', () =>
    unlessAborted(() => archiveQueue(openRun(scope), queue, 0, { verbose: false })),
  );
}

async function archiveQueues(run: ArchiveRun, options: ArchiveOptions): Promise<void> {
  const { config } = run.scope;
  await unlessAborted(async () => {
    if (config.streamingArchiver) {
      const { streamingWalsDirectory: directory, streamingArchiverBatchSize: size } = config;
      await archiveQueue(run, await scanQueue('streaming', directory, size), size, options);
    }
    if (config.archiver) {
      const { incomingWalsDirectory: directory, archiverBatchSize: size } = config;
      await archiveQueue(run, await scanQueue('file archival', directory, size), size, options);
    }
  });
}

/** A retry hook may end the pass: what is left stays queued. */
async function unlessAborted(body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof HookAbortError)) throw error;
  }
}

async function archiveQueue(
  run: ArchiveRun,
  scanned: Queue,
  batchSize: number,
  options: ArchiveOptions,
): Promise<void> {
  const queue = { ...scanned, files: await withoutTold(run, scanned) };
  announce(run, queue, options);
  try {
    await inOrder(queue.files, run.hasHooks ? 1 : LANES, {
      begin: (file) => beginFile(run, queue, file),
      end: async (file, begun, index) => {
        run.scope.signal.throwIfAborted();
        run.log.info(
          `Archiving segment ${index + 1} of ${queue.files.length} from ${queue.kind}: ${run.scope.name}/${file.name}`,
        );
        run.output.info(`\t${file.name}`);
        await (await begun).finish();
      },
      undo: (ready) => ready.drop(),
    });
  } finally {
    // Also after a failure: what is stored already gets its lines.
    await run.commit();
  }
  if (queue.files.length > 0) {
    if (queue.files.length < queue.total) {
      run.log.debug(`Batch size reached (${batchSize}) - Exit ${queue.kind} process for ${run.scope.name}`);
    }
    run.log.debug(
      `Archived ${queue.files.length} out of ${queue.total} xlog segments from ${queue.kind} for ${run.scope.name}`,
    );
  }
  await rejectUnknown(run, queue);
}

/** The heading. "batch size" counts what is taken whenever more was seen, also without a configured batch size. */
function announce(run: ArchiveRun, queue: Queue, { verbose }: ArchiveOptions): void {
  const { kind, files, total, stalePartials } = queue;
  const { name } = run.scope;
  const isBatch = files.length < total;
  if (stalePartials.length > 0) run.log.info(`Archiving partial files for server ${name}: ${stalePartials.join(', ')}`);
  if (files.length === 0) {
    run.log.info(`No xlog segments found from ${kind} for ${name}.`);
    if (verbose) {
      run.output.info(`Processing xlog segments from ${kind} for ${name}`);
      run.output.info('\tno file found');
    }
    return;
  }
  const plan = isBatch
    ? `Archive a batch of ${files.length} segments in this run.`
    : 'Archive all segments in one run.';
  run.log.info(`Found ${total} xlog segments from ${kind} for ${name}. ${plan}`);
  run.output.info(
    `Processing xlog segments from ${kind} for ${name}${isBatch ? ` (batch size: ${files.length})` : ''}`,
  );
}

async function rejectUnknown(run: ArchiveRun, queue: Queue): Promise<void> {
  const { unknown, kind, directory } = queue;
  if (unknown.length === 0) return;
  const { name: server, config } = run.scope;
  run.log.warning(
    `Archiver is about to move ${unknown.length} unexpected file(s) to errors directory for ${server} from ${kind}`,
  );
  for (const name of unknown) {
    run.log.warning(`Moving unexpected file for ${server} from ${kind}: ${name}`);
    await moveToErrors(config.errorsDirectory, join(directory, name), name, 'unknown', run.scope.now());
  }
  run.output.info(
    `Some unknown objects have been found while processing xlog segments for ${server}. Objects moved to errors directory:`,
  );
  for (const name of unknown) run.output.info(`\t${name}`);
}
