/**
 * backup of a real PostgreSQL that has a good backup already. Struck is the program itself, or what copies for it; then the
 * good backup is untouched, the struck one is FAILED or whole, and the next one works.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { type Cluster, clusterAt, freePort, startCluster } from '../support/cluster.ts';
import { barmanProgram, runProgram, type ProgramResult } from '../support/sandbox.ts';
import { type CrashHome, makeHome, restoreHome } from './home.ts';
import { endProcessesOf } from './processes.ts';
import type { Blow } from './shim.ts';
import { digest, firstLine, leftovers, repair, settled } from './traces.ts';
import { everyKindOfCall, type Fault, type FaultKind, type Program, type Scenario } from './world.ts';

type Method = 'postgres' | 'local-rsync';
type Victim = 'barman' | 'pg_basebackup' | 'rsync';

/** What takes long is looked at after every so many blows: the next backup, a restore of the old one. */
const SELDOM = 8;
const ROWS = 1000;

const backingUp = (name: string, method: Method, victim: Victim): Scenario => ({
  name,
  choose: everyKindOfCall,
  sampleEvery: victim === 'barman' ? 25 : null,
  open: async (shim, program) => {
    const world = await startWorld(method, program);
    const run = async (executable: string, at: number, blow: Blow) => {
      await endProcessesOf(world.home);
      await restoreHome(world.template, world.home);
      const outcome = await shim.run({
        root: world.home.home,
        program: executable,
        command: program.command,
        args: ['-c', world.home.configFile, 'backup', '--wait', 'pg'],
        at,
        blow,
      });
      await settled(world.home);
      return outcome;
    };
    return {
      strike: (at, blow) => run(victim === 'barman' ? program.interpreter : victim, at, blow),
      // What one writes the other flushes.
      traced: async () => (victim === 'barman' ? run(`${program.interpreter},pg_basebackup,rsync`, 0, 'kill') : null),
      judge: (result) => judge(world, result),
      dispose: () => endWorld(world),
    };
  },
});

export const BACKING_UP: readonly Scenario[] = [
  backingUp('backup', 'postgres', 'barman'),
  backingUp('backup, pg_basebackup', 'postgres', 'pg_basebackup'),
  backingUp('backup, local-rsync', 'local-rsync', 'barman'),
  backingUp('backup, its rsync', 'local-rsync', 'rsync'),
];

interface BackupWorld {
  readonly program: Program;
  readonly cluster: Cluster;
  readonly home: CrashHome;
  /** The home with one good backup. */
  readonly template: string;
  readonly spool: string;
  readonly good: { readonly id: string; readonly digest: string };
  /** Blows judged so far. */
  judged: number;
}

/** PostgreSQL archives into a folder beside the home, so that it finds it while the home is put back. */
async function startWorld(method: Method, program: Program): Promise<BackupWorld> {
  const spool = await mkdtemp(join(tmpdir(), 'barman-spool-'));
  const cluster = await startCluster({
    initdbArgs: ['--wal-segsize=1'],
    settings: { archive_mode: 'on', archive_command: `cp %p ${spool}/%f.tmp && mv ${spool}/%f.tmp ${spool}/%f` },
  });
  await cluster.sql(`CREATE TABLE crashed AS SELECT generate_series(1, ${ROWS}) AS a`);
  const section = [
    `conninfo = ${cluster.conninfo}`,
    `streaming_conninfo = ${cluster.streamingConninfo}`,
    `backup_method = ${method}`,
    'archiver = on',
    'immediate_checkpoint = true',
    `incoming_wals_directory = ${spool}`,
    `path_prefix = ${cluster.binDir}`,
  ].join('\n');
  const home = await makeHome(section, await cluster.sql('SELECT system_identifier FROM pg_control_system()'));
  await cluster.sql('SELECT pg_switch_wal()');
  await eventually('WAL arrives', async () => (await readdir(spool)).length > 0);
  const first = await runProgram(barmanProgram, ['-c', home.configFile, 'backup', '--wait', 'pg']);
  const [id] = await backupIds(home);
  if (first.code !== 0 || id === undefined) throw new Error(`no first backup: ${first.stdout}${first.stderr}`);
  const template = join(home.root, 'template');
  await runProgram('cp', ['-a', home.home, template]);
  return { program, cluster, home, template, spool, good: { id, digest: await digest(home, id) }, judged: 0 };
}

async function endWorld({ home, cluster, spool }: BackupWorld): Promise<void> {
  await endProcessesOf(home);
  await cluster.dispose();
  await home.dispose();
  await rm(spool, { recursive: true, force: true });
}

/** Of every record, oldest first. */
async function backupIds(home: CrashHome): Promise<readonly string[]> {
  return (await readdir(home.path('meta'))).flatMap((name) => /^(.*)-backup\.info$/.exec(name)?.[1] ?? []).sort();
}

async function statusOf(home: CrashHome, id: string): Promise<string> {
  const record = await readFile(home.path('meta', `${id}-backup.info`), 'utf8');
  return /^status=(.*)$/m.exec(record)?.[1] ?? 'of no status';
}

async function judge(world: BackupWorld, { code }: ProgramResult): Promise<readonly Fault[]> {
  const { program, home, good } = world;
  world.judged += 1;
  const faults: Fault[] = [];
  const find = (kind: FaultKind, text: string | null) => {
    if (text !== null) faults.push({ kind, text });
  };
  const taken = async () => (await backupIds(home)).filter((id) => id !== good.id);
  if (code === 0 && (await taken()).length !== 1) find('wrong', 'exit 0, but there is no backup');
  faults.push(...(await repair(program, home)));
  for (const id of await taken()) {
    // PostgreSQL may take its time to archive; cron comes again.
    for (let turn = 0; turn < 20 && (await statusOf(home, id)) === 'WAITING_FOR_WALS'; turn += 1) {
      await repair(program, home);
    }
    const status = await statusOf(home, id);
    if (status === 'DONE') find('wrong', await restoreTrouble(world, id));
    else if (status !== 'FAILED' || code === 0) find('wedged', `exit ${code} and the backup is ${status}`);
  }
  if ((await statusOf(home, good.id)) !== 'DONE') find('wrong', 'the good backup is not DONE');
  if ((await digest(home, good.id)) !== good.digest) find('wrong', 'the data of the good backup changed');
  if (world.judged % SELDOM === 1) find('wrong', await restoreTrouble(world, good.id));
  const left = await leftovers(home, { backups: new Set(await backupIds(home)) });
  for (const path of left) find('leftover', path);
  if (world.judged % SELDOM === 2) find('wedged', await nextBackupTrouble(world));
  return faults;
}

/** Restores it, starts it, counts; a sentence when one of these does not work. */
async function restoreTrouble({ program, home, cluster }: BackupWorld, id: string): Promise<string | null> {
  const root = await mkdtemp(join(tmpdir(), 'barman-restored-'));
  const data = join(root, 'data');
  const args = ['-c', home.configFile, 'restore', '--target-immediate', '--target-action', 'promote', 'pg', id, data];
  const restored = clusterAt(cluster.binDir, data, await freePort(), root);
  try {
    const { code, stderr } = await runProgram(program.command, args);
    if (code !== 0) return `backup ${id} is DONE and cannot be restored: ${firstLine(stderr)}`;
    await restored.start();
    const rows = await restored.sql('SELECT count(*) FROM crashed');
    return rows === String(ROWS) ? null : `backup ${id} is DONE and has ${rows} rows`;
  } catch (error) {
    return `backup ${id} is DONE and does not start: ${String(error)}`;
  } finally {
    await restored.dispose();
  }
}

async function nextBackupTrouble({ program, home }: BackupWorld): Promise<string | null> {
  const { code, stderr } = await runProgram(program.command, ['-c', home.configFile, 'backup', '--wait', 'pg']);
  return code === 0 ? null : `the next backup fails: ${firstLine(stderr)}`;
}
