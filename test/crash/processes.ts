/** The processes that work on one home. Only such are ended: its folder has a name of its own. */
import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { eventually } from '../support/archiving-server.ts';
import type { CrashHome } from './home.ts';

interface Found {
  readonly pid: number;
  readonly name: string;
}

async function processesOf({ root }: CrashHome): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const line = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    const words = line.split('\0');
    if (words.some((word) => word.includes(`${root}/`)))
      found.push({ pid: Number(entry), name: basename(words[0] ?? '') });
  }
  return found;
}

export async function hasProcess(home: CrashHome, name: string): Promise<boolean> {
  return (await processesOf(home)).some((found) => found.name === name);
}

/** Kills what a blow, or cron, left running on this home, and waits for its end. */
export async function endProcessesOf(home: CrashHome): Promise<void> {
  let left: readonly Found[] = [];
  const isQuiet = async () => {
    left = await processesOf(home);
    for (const { pid } of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone already.
      }
    }
    return left.length === 0;
  };
  await eventually('nothing runs on the home', isQuiet, 120).catch(() => {
    throw new Error(`these run on ${home.root} and do not end: ${left.map(({ name }) => name).join(', ')}`);
  });
}
