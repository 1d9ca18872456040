/** The processes that work on one folder: those with a path below it on their command line. */
import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { eventually } from './eventually.ts';

export interface Found {
  readonly pid: number;
  /** Of the program. */
  readonly name: string;
}

export async function processesOf(root: string): Promise<readonly Found[]> {
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

/** Waits for what a command has started in the background. Its lock file says nothing: cron removes those that are idle. */
export function nothingRunsOn(root: string): Promise<void> {
  return eventually(`nothing runs on ${root}`, async () => (await processesOf(root)).length === 0);
}
