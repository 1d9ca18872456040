/** Strikes a command at one call after the other and judges what is left, as it is and after one repair by cron. */
import { cp, readdir, readFile, utimes } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { barmanProgram, runProgram, type ProgramResult } from '../support/sandbox.ts';
import { walSegment } from '../support/wal-files.ts';
import { orderViolations } from './durability.ts';
import { type CrashHome, indexed, makeHome, restoreHome } from './home.ts';
import type { Scenario } from './scenarios.ts';
import type { Blow, Shim } from './shim.ts';

export interface Program {
  readonly name: string;
  readonly command: string;
  /** How the name of its interpreter begins. */
  readonly interpreter: string;
}

export const OURS: Program = { name: 'ours', command: barmanProgram, interpreter: 'node' };

export type Fault = 'wrong' | 'leftover' | 'wedged';

export interface PointReport {
  readonly at: number;
  readonly blow: Blow;
  readonly struck: string;
  /** Empty: the point is survived. */
  readonly faults: readonly { readonly kind: Fault; readonly text: string }[];
}

export interface SweepReport {
  readonly scenario: string;
  readonly points: readonly PointReport[];
  /** Of a run that nobody disturbs. */
  readonly violations: readonly string[];
}

/** Which call numbers of `calls` are struck. */
export type Choice = (calls: number) => readonly number[];

export const everyCall: Choice = (calls) => Array.from({ length: calls }, (_, index) => index + 1);

export async function sweep(
  shim: Shim,
  program: Program,
  scenario: Scenario,
  blows: readonly Blow[],
  choose: Choice,
): Promise<SweepReport> {
  const home = await makeHome(scenario.options);
  try {
    await scenario.seed(home);
    const template = join(home.root, 'template');
    await cp(home.home, template, { recursive: true, preserveTimestamps: true });
    const input = await scenario.input?.();
    const args = await wordsOf(scenario, home);
    const run = (at: number, blow: Blow) =>
      shim.run({
        root: home.home,
        program: program.interpreter,
        command: program.command,
        args: ['-c', home.configFile, ...args],
        ...(input === undefined ? {} : { input }),
        at,
        blow,
      });
    const calm = await run(0, 'kill');
    await settled(home);
    if (calm.result.code !== 0) throw new Error(`${scenario.name} fails undisturbed:\n${calm.result.stderr}`);
    const digests = new Map<string, string>();
    for (const id of scenario.mayAppear ?? []) digests.set(id, await digest(home, id));
    await restoreHome(template, home);
    for (const id of [...scenario.backups, ...(scenario.mayVanish ?? [])]) digests.set(id, await digest(home, id));
    const points: PointReport[] = [];
    for (const blow of blows) {
      for (const at of choose(calm.calls)) {
        await restoreHome(template, home);
        const { result, struck } = await run(at, blow);
        await settled(home);
        if (struck === null) continue;
        points.push({ at, blow, struck, faults: await judge(program, scenario, home, result, digests) });
      }
    }
    return { scenario: scenario.name, points, violations: [...new Set(orderViolations(calm.steps, calm.result.code))] };
  } finally {
    await home.dispose();
  }
}

async function wordsOf({ args }: Scenario, home: CrashHome): Promise<readonly string[]> {
  const [tarball = ''] = await readdir(join(home.home, 'out')).catch(() => []);
  return args.map((word) => word.replace('HOME', home.home).replace('TARBALL', join(home.home, 'out', tarball)));
}

async function judge(
  program: Program,
  scenario: Scenario,
  home: CrashHome,
  { code }: ProgramResult,
  digests: ReadonlyMap<string, string>,
): Promise<PointReport['faults']> {
  const faults: { kind: Fault; text: string }[] = [];
  const broken = code === 0 ? await scenario.promised?.(home) : null;
  if (broken) faults.push({ kind: 'wrong', text: `exit 0, but ${broken}` });
  const fault = await scenario.always?.(home);
  if (fault) faults.push({ kind: 'wrong', text: fault });
  await ageTemporaries(home);
  const barman = (...args: string[]) => runProgram(program.command, ['-c', home.configFile, ...args]);
  for (const args of [['cron'], ['archive-wal', 'pg'], ['list-backups', 'pg']]) {
    let result = await barman(...args);
    // cron has started one of its own.
    while (result.stdout.includes('Another archive-wal')) result = await barman(...args);
    if (result.code !== 0) faults.push({ kind: 'wedged', text: `${args.join(' ')}: ${firstLine(result.stderr)}` });
  }
  await settled(home);
  for (const text of await wrongWals(scenario, home)) faults.push({ kind: 'wrong', text });
  for (const text of await wrongBackups(scenario, home, digests)) faults.push({ kind: 'wrong', text });
  for (const path of await leftovers(scenario, home)) faults.push({ kind: 'leftover', text: path });
  return faults;
}

const firstLine = (text: string) => text.split('\n')[0] ?? '';

/** The next cron may come a minute later: what was being written then is not written to any more. */
async function ageTemporaries(home: CrashHome): Promise<void> {
  const past = Date.now() / 1000 - 3600;
  for (const path of await home.tree()) {
    if (/(?:^|\/)\.[^/]*$|\.(?:tmp|compressed)$/.test(path)) await utimes(join(home.home, path), past, past);
  }
}

/** Waits for the children that cron started. */
async function settled(home: CrashHome): Promise<void> {
  const { lockHolder } = await import('../../src/adapters/lock.ts');
  for (;;) {
    const busy = await Promise.all(
      ['archive-wal', 'cron', 'backup'].map((name) => lockHolder(join(home.home, `.pg-${name}.lock`))),
    );
    if (busy.every((holder) => holder === undefined)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function wrongWals(scenario: Scenario, home: CrashHome): Promise<readonly string[]> {
  const found: string[] = [];
  const lines = await indexed(home);
  const inTree = new Set((await home.tree()).map((path) => basename(path)));
  for (const name of scenario.wals) {
    const count = lines.filter((line) => line === name).length;
    if (count !== 1) found.push(`${name} is listed ${count} times`);
    const stored = await readFile(home.path('wals', name.slice(0, 16), name)).catch(() => null);
    if (stored === null) found.push(`${name} is not in the archive`);
    else if (!decompress(stored).equals(walSegment(name))) found.push(`${name} has another content`);
  }
  for (const name of scenario.mayGo ?? []) {
    if (lines.includes(name) && !inTree.has(name)) found.push(`${name} is listed and gone`);
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

function decompress(stored: Buffer): Buffer {
  const head = stored.toString('hex', 0, 6);
  const program = DECOMPRESSORS.find(([magic]) => head.startsWith(magic))?.[1];
  if (program === undefined) return stored;
  return spawnSync(program, ['-d', '-c'], { input: stored, maxBuffer: 1 << 26 }).stdout;
}

async function wrongBackups(
  scenario: Scenario,
  home: CrashHome,
  digests: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const id of scenario.backups) {
    const record = await readFile(home.path('meta', `${id}-backup.info`), 'utf8').catch(() => '');
    if (!record.includes('\nstatus=DONE\n')) found.push(`backup ${id} is not DONE`);
    if ((await digest(home, id)) !== digests.get(id)) found.push(`the data of backup ${id} changed`);
  }
  for (const id of scenario.mayVanish ?? []) {
    const record = await readFile(home.path('meta', `${id}-backup.info`), 'utf8').catch(() => '');
    const isIntact = (await digest(home, id)) === digests.get(id);
    if (record.includes('\nstatus=DONE\n') && !isIntact) found.push(`backup ${id} looks DONE and is damaged`);
  }
  for (const id of scenario.mayAppear ?? []) {
    const record = await readFile(home.path('meta', `${id}-backup.info`), 'utf8').catch(() => null);
    if (record === null) continue;
    if (!record.includes('\nstatus=DONE\n')) found.push(`backup ${id} is not DONE`);
    if ((await digest(home, id)) !== digests.get(id)) found.push(`backup ${id} is not whole`);
    if ((await readFile(home.path('meta', `${id}-keep`), 'utf8').catch(() => '')) !== 'standalone') {
      found.push(`backup ${id} is not kept`);
    }
    found.push(...(await wrongWals({ ...scenario, wals: scenario.mayBring ?? [], mayGo: [] }, home)));
  }
  return found;
}

async function digest(home: CrashHome, id: string): Promise<string> {
  const hash = createHash('sha256');
  for (const path of (await home.tree()).filter((name) => name.startsWith(`pg/base/${id}/`))) {
    hash.update(path);
    if (!path.endsWith('/')) hash.update(await readFile(join(home.home, path)));
  }
  return hash.digest('hex');
}

/** What has no business in a home at rest. */
async function leftovers(scenario: Scenario, home: CrashHome): Promise<readonly string[]> {
  const tree = await home.tree();
  const isThere = (id: string) => tree.includes(`pg/meta/${id}-backup.info`);
  const known = new Set([
    ...scenario.backups,
    ...(scenario.mayVanish ?? []),
    ...(scenario.mayAppear ?? []).filter((id) => isThere(id)),
  ]);
  return tree.filter((path) => {
    // Barman's cron makes it when there is none.
    if (path.endsWith('/') || path === 'cfg_changes.queue' || scenario.mayStay?.test(path)) return false;
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
        return !known.has(name);
      default:
        return folder !== 'identity.json';
    }
  });
}
