/**
 * The processes that a test file has started and that still run: its descendants, those that carry its mark in their environment
 * (a server that forked twice), those with its temporary folder on their command line (one that rewrote its title over its
 * environment, or was started without one), and everything below these.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const MARK = 'TEST_LEAK_MARK';
/** What was told to end may take this long on a busy machine, ms. */
const GRACE = Number(process.env.TEST_LEAK_GRACE ?? 10_000);

export interface Mark {
  /** Entry of the environment. */
  readonly entry: string;
  /** The temporary folder of the file. */
  readonly folder: string;
}

interface Found {
  readonly pid: number;
  readonly parent: number;
  readonly words: string;
  readonly isMarked: boolean;
}

/** From here on every child carries the mark of this file. */
export function markChildren(folder: string): Mark {
  process.env[MARK] = folder;
  return { entry: `${MARK}=${folder}`, folder };
}

/** Waits until nothing is left, and kills what is left after that. Returns `pid command line` of each. */
export async function endLeaks(mark: Mark, graceMs = GRACE): Promise<readonly string[]> {
  const deadline = Date.now() + graceMs;
  let left = leftBehind(mark);
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(50);
    left = leftBehind(mark);
  }
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
  return left.map(({ pid, words }) => `${pid} ${words}`);
}

function leftBehind(mark: Mark): readonly Found[] {
  const all = readdirSync('/proc').flatMap((entry) => (/^\d+$/.test(entry) ? (look(Number(entry), mark) ?? []) : []));
  const ours = new Set([process.pid]);
  for (const { pid, isMarked } of all) if (isMarked) ours.add(pid);
  for (let before = 0; before < ours.size;) {
    before = ours.size;
    for (const { pid, parent } of all) if (ours.has(parent)) ours.add(pid);
  }
  return all.filter(({ pid }) => pid !== process.pid && ours.has(pid));
}

/** undefined for one that is gone, or dead and only not buried. */
function look(pid: number, { entry, folder }: Mark): Found | undefined {
  const stat = read(pid, 'stat');
  const [, state, parent] = /^\d+ \(.*\) (\S) (\d+)/s.exec(stat) ?? [];
  if (state === undefined || state === 'Z' || state === 'X') return undefined;
  const words = read(pid, 'cmdline').replaceAll('\0', ' ').trim();
  const isMarked = words.includes(`${folder}/`) || read(pid, 'environ').split('\0').includes(entry);
  return { pid, parent: Number(parent), words: words || stat.slice(0, 40), isMarked };
}

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    // Gone, or somebody else's.
    return '';
  }
}
