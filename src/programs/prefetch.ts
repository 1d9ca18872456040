/**
 * The process that fetches ahead of the replay: it asks which WAL files follow the one that was served last, fetches those
 * that are missing, several at a time over one connection, and ends when nothing was served for a while.
 */
import { existsSync, readdirSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseWalName } from '../domain/wal/wal.ts';
import { connect } from './connection.ts';
import { isAlive } from '../host/process/alive.ts';
import { openDestination, unlinkIfThere } from './destination.ts';
import { fetchWal } from './fetch-wal.ts';
import { PERSIST, type PrefetchOrder } from './prefetch-order.ts';
import { claimRow, prefetchKey, readPosition, releaseRow } from './prefetch-state.ts';
import type { FetchOptions } from './receive.ts';
import { getWalCommand, type Remote } from './remote.ts';

/** Without a new position for so long the recovery is over, or has caught up, ms. */
const IDLE = 15_000;
/** How many names are asked for at once: that takes as long as one. */
const NAMES = 64;
/** How many files are fetched at once; sshd allows ten sessions on one connection. */
const AT_ONCE = 4;
/** A file of the row that was left behind by the replay is removed after this time, ms. */
const LEFT_BEHIND = 3_600_000;

export async function prefetch(
  given: Remote,
  options: FetchOptions,
  parallel: number,
  { spool, folder }: PrefetchOrder,
): Promise<void> {
  const key = prefetchKey(given, folder);
  if (!claimRow(spool, key)) return;
  try {
    const remote = { ...given, controlPersist: given.controlPersist ?? PERSIST };
    removeLeftovers(spool, readPosition(spool, key) ?? '');
    await keepRowFilled(remote, options, parallel, spool, key);
  } finally {
    releaseRow(spool, key);
  }
}

async function keepRowFilled(
  remote: Remote,
  options: FetchOptions,
  parallel: number,
  spool: string,
  key: string,
): Promise<void> {
  const busy = new Map<string, Promise<void>>();
  const refused = new Set<string>();
  const fetched = new Set<string>();
  let row: readonly string[] = [];
  let asked: string | undefined;
  let lastMove = Date.now();
  let position = '';
  while (Date.now() - lastMove < IDLE) {
    const now = readPosition(spool, key) ?? '';
    if (now !== position) {
      position = now;
      lastMove = Date.now();
    }
    const at = row.indexOf(position);
    const ahead = at >= 0 ? row.slice(at + 1) : [];
    removePassed(spool, fetched, row.slice(0, at + 1));
    // The row ends, or the replay is elsewhere: ask what follows, once for each position.
    if (ahead.length < parallel - 1 && asked !== position) {
      asked = position;
      row = await following(remote, position, Math.max(parallel, NAMES));
      continue;
    }
    const wanted = ahead
      .slice(0, parallel - 1)
      .filter((name) => !busy.has(name) && !refused.has(name) && !existsSync(join(spool, name)));
    for (const name of wanted.slice(0, AT_ONCE - busy.size)) {
      const fetching = fetchAhead(remote, { ...options, wal: name }, spool)
        .then(
          () => fetched.add(name),
          () => refused.add(name),
        )
        .then(() => void busy.delete(name));
      busy.set(name, fetching);
    }
    await Promise.race([...busy.values(), positionChange(spool, 1_000)]);
  }
  await Promise.all(busy.values());
}

/** What was fetched ahead while the restore fetched it itself: nobody comes for it any more. */
function removePassed(spool: string, fetched: Set<string>, passed: readonly string[]): void {
  for (const name of passed) {
    if (fetched.delete(name)) unlinkIfThere(join(spool, name));
  }
}

/** The position and what follows it; [] when nothing is known. */
async function following(remote: Remote, position: string, count: number): Promise<readonly string[]> {
  if (position === '') return [];
  const command = getWalCommand(remote, { wal: position, peek: count });
  const { child, end, moved } = connect(remote, command, ['ignore', 'pipe', 'ignore']);
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    moved();
    text += chunk.toString('utf8');
  });
  const read = new Promise((resolve) => child.stdout?.once('close', resolve));
  const { code } = await end;
  // A process that holds a shared connection may keep the pipe open.
  await Promise.race([read, sleep(200)]);
  if (code !== 0) return [];
  // A login shell may print anything; what is fetched is looked at before it is served.
  const names = text.split('\n').filter((line) => parseWalName(line)?.kind === 'segment');
  return names[0] === position ? names : [];
}

function fetchAhead(remote: Remote, options: FetchOptions, spool: string): Promise<void> {
  const temporary = join(spool, `.${options.wal}.${process.pid}.tmp`);
  // A partial file will be complete when its turn comes.
  return fetchWal(remote, openDestination(join(spool, options.wal), temporary), { ...options, partial: false });
}

function positionChange(spool: string, patience: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      watcher.close();
      resolve();
    };
    const timer = setTimeout(done, patience);
    const watcher = watch(spool, (_event, name) => {
      if (name?.endsWith('.position')) done();
    });
    watcher.on('error', done);
  });
}

/** What killed processes left, and what the replay passed long ago. */
function removeLeftovers(spool: string, position: string): void {
  for (const name of readdirSync(spool)) {
    const path = join(spool, name);
    const pid = /^\..*\.(\d+)\.tmp$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) unlinkIfThere(path);
    const isPassed =
      parseWalName(name)?.kind === 'segment' && name.slice(0, 8) === position.slice(0, 8) && name <= position;
    const facts = isPassed ? statSync(path, { throwIfNoEntry: false }) : undefined;
    if (facts !== undefined && Date.now() - facts.mtimeMs > LEFT_BEHIND) unlinkIfThere(path);
  }
}
