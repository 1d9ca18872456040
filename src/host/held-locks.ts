/**
 * The kernel's table of file locks, read without touching a lock: who is certainly held needs no helper process to find
 * out. Only "held" is an answer; what is not listed may still be held (another pid namespace, a network file system).
 */
import { readFile, stat } from 'node:fs/promises';

/** Those of `paths` on which the kernel lists a flock. */
export async function heldLockFiles(paths: readonly string[]): Promise<ReadonlySet<string>> {
  const table = await readFile('/proc/locks', 'utf8').catch(() => '');
  const inodes = new Set<string>();
  // `1: FLOCK  ADVISORY  WRITE 9869 fd:01:1234 0 EOF`; waiters have `->` after the number.
  for (const match of table.matchAll(/^\d+: FLOCK\s+\S+\s+\S+\s+-?\d+\s+\S+:(\d+)\s/gm)) inodes.add(match[1] ?? '');
  const held = new Set<string>();
  if (inodes.size === 0) return held;
  for (const path of paths) {
    const facts = await stat(path).catch(() => undefined);
    if (facts !== undefined && inodes.has(String(facts.ino))) held.add(path);
  }
  return held;
}
