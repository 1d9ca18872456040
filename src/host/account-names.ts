/** Names of the users and groups of this host, as its files tell them; an archive records them beside the numbers. */
import { readFile } from 'node:fs/promises';

export interface AccountNames {
  /** '' for a number that has no name here. */
  readonly user: (uid: number) => string;
  readonly group: (gid: number) => string;
}

export async function readAccountNames(): Promise<AccountNames> {
  const [users, groups] = await Promise.all(['/etc/passwd', '/etc/group'].map(readNames));
  return { user: (uid) => users?.get(uid) ?? '', group: (gid) => groups?.get(gid) ?? '' };
}

/** Number -> name; of two names the first counts. */
async function readNames(path: string): Promise<ReadonlyMap<number, string>> {
  const names = new Map<number, string>();
  const text = await readFile(path, 'utf8').catch(() => '');
  for (const line of text.split('\n')) {
    const [name, , number] = line.split(':');
    if (name && number && /^\d+$/.test(number) && !names.has(Number(number))) names.set(Number(number), name);
  }
  return names;
}
