/** A command on a home without PostgreSQL: kept as a template, copied for each blow. */
import { cp, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ProgramResult } from '../support/sandbox.ts';
import { walSegment } from '../support/wal-files.ts';
import { type CrashHome, indexed, makeHome, OFFLINE, restoreHome } from './home.ts';
import type { Shim } from './shim.ts';
import { type Allowed, digest, leftovers, repair, settled, wrongSegments } from './traces.ts';
import type { Fault, Program, Scenario, World } from './world.ts';

export interface HomeScenario {
  readonly name: string;
  /** Lines of the server's section. GNUPGHOME stands for its value. */
  readonly options: string;
  readonly seed: (home: CrashHome) => Promise<void>;
  /** HOME stands for barman_home, TARBALL for the one file in HOME/out. */
  readonly args: readonly string[];
  readonly input?: () => Promise<Uint8Array>;
  /** WAL that must be in the archive, once and right, after the repair. */
  readonly wals: readonly string[];
  /** WAL that may be there or not. */
  readonly mayGo?: readonly string[];
  /** Backups that must be DONE and untouched. */
  readonly backups: readonly string[];
  /** Backups that may be whole or gone. */
  readonly mayVanish?: readonly string[];
  /** Backups that may come whole, with this WAL and a keep, or not at all. */
  readonly mayAppear?: readonly string[];
  readonly mayBring?: readonly string[];
  /** Backups whose process was killed long ago: FAILED after the repair. */
  readonly interrupted?: readonly string[];
  /** Paths below barman_home that may stay: outside the reach of cron. */
  readonly mayStay?: RegExp;
  /** Looked at after every blow; a sentence when something is wrong. */
  readonly always?: (home: CrashHome) => Promise<string | null>;
  /** What exit code 0 promised, looked at at once; a sentence when it was broken. */
  readonly promised?: (home: CrashHome) => Promise<string | null>;
}

export function onHome(scenario: HomeScenario): Scenario {
  return { name: scenario.name, open: (shim, program) => openHome(scenario, shim, program) };
}

async function openHome(scenario: HomeScenario, shim: Shim, program: Program): Promise<World> {
  const options = scenario.options.replaceAll('GNUPGHOME', process.env.GNUPGHOME ?? '');
  const home = await makeHome(`${OFFLINE}\n${options}`);
  await scenario.seed(home);
  const template = join(home.root, 'template');
  await cp(home.home, template, { recursive: true, preserveTimestamps: true });
  const input = await scenario.input?.();
  const args = await wordsOf(scenario, home);
  const digests = new Map<string, string>();
  for (const id of [...scenario.backups, ...(scenario.mayVanish ?? [])]) digests.set(id, await digest(home, id));
  return {
    strike: async (at, blow) => {
      await restoreHome(template, home);
      const run = await shim.run({
        root: home.home,
        program: program.interpreter,
        command: program.command,
        args: ['-c', home.configFile, ...args],
        ...(input === undefined ? {} : { input }),
        at,
        blow,
      });
      await settled(home);
      // What comes whole is known from the run that nobody disturbs.
      if (at === 0) for (const id of scenario.mayAppear ?? []) digests.set(id, await digest(home, id));
      return run;
    },
    judge: (result) => judge(program, scenario, home, result, digests),
    dispose: () => home.dispose(),
  };
}

async function wordsOf({ args }: HomeScenario, home: CrashHome): Promise<readonly string[]> {
  const [tarball = ''] = await readdir(join(home.home, 'out')).catch(() => []);
  return args.map((word) => word.replace('HOME', home.home).replace('TARBALL', join(home.home, 'out', tarball)));
}

async function judge(
  program: Program,
  scenario: HomeScenario,
  home: CrashHome,
  { code }: ProgramResult,
  digests: ReadonlyMap<string, string>,
): Promise<readonly Fault[]> {
  const faults: Fault[] = [];
  const broken = code === 0 ? await scenario.promised?.(home) : null;
  if (broken) faults.push({ kind: 'wrong', text: `exit 0, but ${broken}` });
  const fault = await scenario.always?.(home);
  if (fault) faults.push({ kind: 'wrong', text: fault });
  faults.push(...(await repair(program, home)));
  for (const text of await wrongWals(scenario, home)) faults.push({ kind: 'wrong', text });
  for (const text of await wrongBackups(scenario, home, digests)) faults.push({ kind: 'wrong', text });
  for (const path of await leftovers(home, await allowed(scenario, home)))
    faults.push({ kind: 'leftover', text: path });
  return faults;
}

async function allowed(scenario: HomeScenario, home: CrashHome): Promise<Allowed> {
  const tree = await home.tree();
  const isThere = (id: string) => tree.includes(`pg/meta/${id}-backup.info`);
  const optional = [...(scenario.mayVanish ?? []), ...(scenario.mayAppear ?? [])].filter(isThere);
  return {
    backups: new Set([...scenario.backups, ...(scenario.interrupted ?? []), ...optional]),
    ...(scenario.mayStay === undefined ? {} : { mayStay: scenario.mayStay }),
  };
}

async function wrongWals(scenario: HomeScenario, home: CrashHome): Promise<readonly string[]> {
  const lines = await indexed(home);
  const inTree = new Set((await home.tree()).map((path) => basename(path)));
  const isGone = (name: string) => lines.includes(name) && !inTree.has(name);
  return [
    ...(await wrongSegments(home, scenario.wals, walSegment)),
    ...(scenario.mayGo ?? []).filter(isGone).map((name) => `${name} is listed and gone`),
  ];
}

async function wrongBackups(
  scenario: HomeScenario,
  home: CrashHome,
  digests: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const id of scenario.backups) {
    const record = await readFile(home.path('meta', `${id}-backup.info`), 'utf8').catch(() => '');
    if (!record.includes('\nstatus=DONE\n')) found.push(`backup ${id} is not DONE`);
    if ((await digest(home, id)) !== digests.get(id)) found.push(`the data of backup ${id} changed`);
  }
  for (const id of scenario.interrupted ?? []) {
    const record = await readFile(home.path('meta', `${id}-backup.info`), 'utf8').catch(() => '');
    if (!record.includes('\nstatus=FAILED\n')) found.push(`the interrupted backup ${id} is not FAILED`);
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
    found.push(...(await wrongSegments(home, scenario.mayBring ?? [], walSegment)));
  }
  return found;
}
