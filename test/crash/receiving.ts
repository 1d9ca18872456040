/**
 * receive-wal against a real PostgreSQL, which is free to drop whatever the slot has told it to be safe. Struck is
 * receive-wal itself, or its pg_receivewal; then comes cron, and every segment that was acknowledged must be in the archive.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { runProgram, type ProgramResult } from '../support/sandbox.ts';
import { SMALL_SEGMENT } from '../support/wal-files.ts';
import { type CrashHome, makeHome, restoreHome } from './home.ts';
import { endProcessesOf, hasProcess } from './processes.ts';
import type { Blow, Shim } from './shim.ts';
import { leftovers, repair, wrongSegments } from './traces.ts';
import { everyKindOfCall, type Fault, type Program, type Scenario, type World } from './world.ts';

/** Segments made while it runs; one of them is filled, the others are switched. */
const TRAFFIC = 3;

export const RECEIVING: readonly Scenario[] = [
  { name: 'receive-wal', choose: everyKindOfCall, open: (shim, program) => openReceiving(shim, program, 'barman') },
  {
    name: 'receive-wal, pg_receivewal',
    choose: everyKindOfCall,
    sampleEvery: null,
    open: (shim, program) => openReceiving(shim, program, 'pg_receivewal'),
  },
];

async function openReceiving(shim: Shim, program: Program, victim: 'barman' | 'pg_receivewal'): Promise<World> {
  const cluster = await startCluster({
    initdbArgs: ['--wal-segsize=1'],
    settings: { checkpoint_timeout: '1h', wal_sender_timeout: '10s', min_wal_size: '2MB' },
  });
  const systemId = await cluster.sql('SELECT system_identifier FROM pg_control_system()');
  const section = [
    `conninfo = ${cluster.conninfo}`,
    `streaming_conninfo = ${cluster.streamingConninfo}`,
    'backup_method = postgres',
    'streaming_archiver = on',
    'slot_name = barman',
    `path_prefix = ${cluster.binDir}`,
  ].join('\n');
  const home = await makeHome(section, systemId);
  const template = join(home.root, 'template');
  await runProgram('cp', ['-a', home.home, template]);
  const world = new Receiving(cluster, home, program);
  return {
    strike: async (at, blow) => {
      await world.begin(template);
      return world.receive(shim, victim, at, blow);
    },
    // pg_receivewal gives a segment its name, PostgreSQL keeps its own until the slot has moved on.
    traced: async () => null,
    judge: (result) => world.judge(result),
    dispose: async () => {
      await endProcessesOf(home);
      await cluster.dispose();
      await home.dispose();
    },
  };
}

class Receiving {
  private readonly cluster: Cluster;
  private readonly home: CrashHome;
  private readonly program: Program;
  /** The segments of this round as PostgreSQL wrote them. */
  private written = new Map<string, Buffer>();
  /** The first of them; the slot itself moves on. */
  private first = '';

  constructor(cluster: Cluster, home: CrashHome, program: Program) {
    this.cluster = cluster;
    this.home = home;
    this.program = program;
  }

  /** A new slot, an empty home, and the beginning of a segment that an earlier receiver was killed in. */
  async begin(template: string): Promise<void> {
    const { cluster, home } = this;
    await endProcessesOf(home);
    await this.slotIsFree();
    await cluster.sql(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots; SELECT pg_logical_emit_message(false, '', 'x')",
    );
    await cluster.sql("SELECT pg_switch_wal(); CHECKPOINT; SELECT pg_create_physical_replication_slot('barman', true)");
    this.first = await cluster.sql('SELECT pg_walfile_name(restart_lsn + 1) FROM pg_replication_slots');
    await restoreHome(template, home);
    await writeFile(home.path('streaming', `${this.first}.partial`), Buffer.alloc(4096));
    this.written = new Map();
  }

  async receive(shim: Shim, victim: 'barman' | 'pg_receivewal', at: number, blow: Blow) {
    const { home, program } = this;
    let traffic = Promise.resolve();
    let isOver = false;
    const run = await shim.run({
      root: home.home,
      program: victim === 'barman' ? program.interpreter : victim,
      command: program.command,
      args: ['-c', home.configFile, 'receive-wal', 'pg'],
      at,
      blow,
      onStart: (pid) => {
        traffic = this.traffic(() => isOver).finally(() => {
          // Both of them, as Ctrl-C does: an orphan would go on.
          if (!isOver) process.kill(pid, 'SIGINT');
        });
      },
    });
    isOver = true;
    await traffic;
    return run;
  }

  /** Writes while something receives; ends when everything is acknowledged, or nobody is there to do it any more. */
  private async traffic(isOver: () => boolean): Promise<void> {
    const isStreaming = async () =>
      (await this.cluster.sql('SELECT count(*) FROM pg_stat_replication WHERE state = $$streaming$$')) === '1';
    await eventually('it streams', async () => isOver() || isStreaming(), 60);
    for (let round = 0; round < TRAFFIC && !isOver(); round += 1) await this.writeSegment(round === 1);
    if (isOver()) return;
    await eventually('it is acknowledged', async () => isOver() || (await this.isAcknowledged()), 60);
  }

  private async writeSegment(isFull = false): Promise<void> {
    const { cluster } = this;
    const size = isFull ? SMALL_SEGMENT : 1_000;
    await cluster.sql(`SELECT pg_logical_emit_message(false, '', repeat('x', ${size}))`);
    await cluster.sql('SELECT pg_switch_wal()');
    const folder = join(cluster.dataDir, 'pg_wal');
    const current = await cluster.sql('SELECT pg_walfile_name(pg_current_wal_lsn() + 1)');
    for (const name of (await readdir(folder)).sort()) {
      const isClosed = /^[0-9A-F]{24}$/.test(name) && name >= this.first && name < current;
      if (isClosed && !this.written.has(name)) this.written.set(name, await readFile(join(folder, name)));
    }
  }

  /** Everything up to the last switch. */
  private async isAcknowledged(): Promise<boolean> {
    const last = [...this.written.keys()].sort().at(-1) ?? '';
    return (await this.cluster.sql('SELECT pg_walfile_name(restart_lsn + 1) FROM pg_replication_slots')) > last;
  }

  private slotIsFree(): Promise<void> {
    return eventually(
      'the slot is free',
      async () => (await this.cluster.sql('SELECT count(*) FROM pg_replication_slots WHERE active')) === '0',
      60,
    );
  }

  async judge({ code }: ProgramResult): Promise<readonly Fault[]> {
    const { cluster, home, program } = this;
    const faults: Fault[] = [];
    if (code === 0 && !(await this.isAcknowledged())) faults.push({ kind: 'wrong', text: 'exit 0 before the end' });
    if (program.mustSurvive) {
      await eventually('nobody writes on', async () => !(await hasProcess(home, 'pg_receivewal'))).catch(() =>
        faults.push({ kind: 'wedged', text: 'pg_receivewal goes on without its receive-wal' }),
      );
      await this.slotIsFree();
    }
    // What the slot has acknowledged is gone now.
    await cluster.sql('CHECKPOINT');
    faults.push(...(await repair(program, home)));
    await this.writeSegment();
    const last = [...this.written.keys()].sort().at(-1) ?? '';
    const isComplete = async () => (await readdir(home.path('streaming'))).includes(last);
    await eventually('cron has started it again', isComplete, 30).catch(() =>
      faults.push({ kind: 'wedged', text: 'it does not stream after cron' }),
    );
    // The last complete segment stays until there is another.
    await this.writeSegment();
    await eventually('the last one is there', () => this.isAcknowledged(), 30).catch(() => {});
    await endProcessesOf(home);
    await runProgram(program.command, ['-c', home.configFile, 'archive-wal', 'pg']);
    const names = [...this.written.keys()].sort();
    const wrong = await wrongSegments(home, names.slice(0, -1), (name) => this.written.get(name) ?? Buffer.alloc(0));
    faults.push(...wrong.map((text) => ({ kind: 'wrong' as const, text })));
    const current = await cluster.sql('SELECT pg_walfile_name(pg_current_wal_lsn() + 1)');
    const mayStay = new RegExp(`^pg/streaming/(?:${names.at(-1)}|${current}\\.partial)$`);
    const left = await leftovers(home, { backups: new Set(), mayStay });
    faults.push(...left.map((text) => ({ kind: 'leftover' as const, text })));
    return faults;
  }
}
