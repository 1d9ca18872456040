/** What a run left in a home, and what may be there. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { lockHolder } from '../../src/host/lock.ts';
import { identifyWal } from '../../src/domain/wal/wal-content.ts';
import { runProgram } from '../support/sandbox.ts';
import { type CrashHome, indexed } from './home.ts';
import type { Fault, Program } from './world.ts';

export const firstLine = (text: string) => text.split('\n')[0] ?? '';

/** One cron, then what an administrator looks at; each must work. */
export async function repair(program: Program, home: CrashHome): Promise<readonly Fault[]> {
  const faults: Fault[] = [];
  await ageTemporaries(home);
  const barman = (...args: string[]) => runProgram(program.command, ['-c', home.configFile, ...args]);
  for (const args of [['cron'], ['archive-wal', 'pg'], ['list-backups', 'pg']]) {
    let result = await barman(...args);
    // cron has started one of its own.
    while (result.stdout.includes('Another archive-wal')) result = await barman(...args);
    if (result.code !== 0) faults.push({ kind: 'wedged', text: `${args.join(' ')}: ${firstLine(result.stderr)}` });
  }
  await settled(home);
  return faults;
}

/** The next cron may come a minute later: what was being written then is not written to any more. */
async function ageTemporaries(home: CrashHome): Promise<void> {
  const past = Date.now() / 1000 - 3600;
  for (const path of await home.tree()) {
    if (/(?:^|\/)\.[^/]*$|\.(?:tmp|compressed)$/.test(path)) await utimes(join(home.home, path), past, past);
  }
}

/** Waits for the children that cron started. */
export async function settled(home: CrashHome): Promise<void> {
  for (;;) {
    const busy = await Promise.all(
      ['archive-wal', 'cron', 'backup'].map((name) => lockHolder(join(home.home, `.pg-${name}.lock`))),
    );
    if (busy.every((holder) => holder === undefined)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Segments that must be in the archive, once and with these bytes. */
export async function wrongSegments(
  home: CrashHome,
  names: readonly string[],
  contentOf: (name: string) => Buffer,
): Promise<readonly string[]> {
  const found: string[] = [];
  const lines = await indexed(home);
  for (const name of names) {
    const count = lines.filter((line) => line === name).length;
    if (count !== 1) found.push(`${name} is listed ${count} times`);
    const stored = await readFile(home.path('wals', name.slice(0, 16), name)).catch(() => null);
    if (stored === null) found.push(`${name} is not in the archive`);
    else if (!decompress(decrypt(stored)).equals(contentOf(name))) found.push(`${name} has another content`);
  }
  return found;
}

const DECOMPRESSORS: readonly (readonly [magic: string, program: string])[] = [
  ['1f8b08', 'gzip'],
  ['425a68', 'bzip2'],
  ['fd377a58', 'xz'],
  ['28b52ffd', 'zstd'],
  ['04224d18', 'lz4'],
];

function decrypt(stored: Buffer): Buffer {
  if (identifyWal(stored).encryption === null) return stored;
  const secret = join(process.env.GNUPGHOME ?? '', 'secret.txt');
  const args = ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase-file', secret, '--decrypt'];
  return spawnSync('gpg', args, { input: stored, maxBuffer: 1 << 26 }).stdout;
}

function decompress(stored: Buffer): Buffer {
  const head = stored.toString('hex', 0, 6);
  const program = DECOMPRESSORS.find(([magic]) => head.startsWith(magic))?.[1];
  if (program === undefined) return stored;
  return spawnSync(program, ['-d', '-c'], { input: stored, maxBuffer: 1 << 26 }).stdout;
}

/** Of everything below the directory of a backup. */
export async function digest(home: CrashHome, id: string): Promise<string> {
  const hash = createHash('sha256');
  for (const path of (await home.tree()).filter((name) => name.startsWith(`pg/base/${id}/`))) {
    hash.update(path);
    if (!path.endsWith('/')) hash.update(await readFile(join(home.home, path)));
  }
  return hash.digest('hex');
}

export interface Allowed {
  /** Backups whose directories may be there. */
  readonly backups: ReadonlySet<string>;
  /** Paths below barman_home. */
  readonly mayStay?: RegExp;
}

/** What has no business in a home at rest. */
export async function leftovers(home: CrashHome, { backups, mayStay }: Allowed): Promise<readonly string[]> {
  const tree = await home.tree();
  return tree.filter((path) => {
    const directory = /^pg\/base\/([^/]+)\/$/.exec(path)?.[1];
    if (directory !== undefined) return !backups.has(directory);
    // Barman's cron makes it when there is none.
    if (path.endsWith('/') || path === 'cfg_changes.queue' || mayStay?.test(path)) return false;
    const [, folder = '', name = ''] = path.split('/');
    switch (folder) {
      case 'incoming':
      case 'streaming':
      case 'errors':
        return true;
      case 'wals':
        return !/^(?:[0-9A-F]{16}\/)?[0-9A-F]{24}(?:\.[0-9A-F]{8}\.backup)?$|^[0-9A-F]{8}\.history$|^pg-xlog\.db$/.test(
          path.slice('pg/wals/'.length),
        );
      case 'meta':
        return !/^\d{8}T\d{6}-(?:backup\.info|keep)$/.test(name);
      case 'base':
        return !backups.has(name);
      default:
        return folder !== 'identity.json';
    }
  });
}
