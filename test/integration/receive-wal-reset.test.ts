/** receive-wal --reset with the real pg_receivewal: a hole, a failover, a point-in-time recovery of the source. */
import { execFile } from 'node:child_process';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Cluster, clusterAt, freePort, startCluster, temporaryFolder } from '../support/cluster.ts';
import { makeSandbox, type Sandbox, streamingSection } from '../support/sandbox.ts';
import { startStandby } from '../support/standby.ts';

const exec = promisify(execFile);
let box: Sandbox;
let clusters: Cluster[] = [];
beforeEach(async () => {
  box = await makeSandbox();
  await box.listWal('pg');
});
afterEach(async () => {
  await stopReceiver();
  for (const cluster of clusters.splice(0)) await cluster.dispose();
  await box.dispose();
});

async function newCluster(settings: Readonly<Record<string, string>> = {}): Promise<Cluster> {
  // Autovacuum would write WAL of its own.
  const cluster = await startCluster({ settings: { autovacuum: 'off', ...settings } });
  clusters.push(cluster);
  return cluster;
}
const configure = (cluster: Cluster) => box.writeConfig(streamingSection('pg', cluster));

const folder = () => `${box.home}/pg/streaming`;
const received = () => readdir(folder());
/** Names in the index, after an archival pass. */
async function archived(): Promise<string[]> {
  await box.barman(['archive-wal', 'pg']);
  const index = await readFile(`${box.home}/pg/wals/pg-xlog.db`, 'utf8').catch(() => '');
  return index
    .split('\n')
    .map((line) => line.split('\t')[0] ?? '')
    .filter((name) => name !== '')
    .sort();
}

const isStreaming = async (cluster: Cluster) =>
  (await cluster.sql("SELECT count(*) FROM pg_stat_replication WHERE application_name = 'barman_receive_wal'")) === '1';
async function startReceiver(cluster: Cluster): Promise<void> {
  await box.barman(['cron']);
  await eventually('it streams', () => isStreaming(cluster), 60);
}
async function stopReceiver(): Promise<void> {
  await box.barman(['terminate-process', 'pg', 'receive-wal']);
  await eventually('it has ended', async () => (await box.barman(['receive-wal', '--stop', 'pg'])).code === 1, 60);
}
const reset = () => box.barman(['receive-wal', '--reset', 'pg']);
const currentWal = (cluster: Cluster) => cluster.sql('SELECT pg_walfile_name(pg_current_wal_lsn())');
/** Closes a segment and begins the next one. */
async function fillSegment(cluster: Cluster): Promise<void> {
  await cluster.sql("SELECT pg_logical_emit_message(true, '', 'x')");
  await cluster.sql('SELECT pg_switch_wal()');
  await cluster.sql("SELECT pg_logical_emit_message(true, '', 'x')");
}
const hasReceived = (name: string) =>
  eventually(`${name} is received`, async () => [...(await received()), ...(await archived())].includes(name), 60);

describe('on one timeline', () => {
  it('has nothing to do while the stream can go on, and no business while receive-wal runs', async () => {
    const cluster = await newCluster();
    await configure(cluster);
    await startReceiver(cluster);
    expect(await reset()).toEqual({
      code: 1,
      stdout: '',
      stderr: 'ERROR: Unable to reset the status of receive-wal for server pg. Process is still running\n',
    });
    await stopReceiver();
    const aligned = { code: 0, stdout: 'Nothing to do. Position of receive-wal is aligned.\n', stderr: '' };
    expect(await reset()).toEqual(aligned);
    // Without its slot PostgreSQL still has everything: nothing needs to be left out.
    await fillSegment(cluster);
    await box.barman(['receive-wal', '--drop-slot', 'pg']);
    expect(await reset()).toEqual(aligned);
  });

  it('goes on with the oldest WAL that is left, names what is missing, and starts receive-wal', async () => {
    const cluster = await newCluster({ min_wal_size: '32MB', max_wal_size: '32MB' });
    await configure(cluster);
    await startReceiver(cluster);
    await stopReceiver();
    const [old = ''] = await received();
    await box.barman(['receive-wal', '--drop-slot', 'pg']);
    await fillSegment(cluster);
    await fillSegment(cluster);
    await cluster.sql('CHECKPOINT');
    const wal = await currentWal(cluster);
    const gone = old.replace('.partial', '');
    const between = `${gone.slice(0, 16)}${(Number.parseInt(gone.slice(16), 16) + 1).toString(16).toUpperCase().padStart(8, '0')}`;
    const test = await box.barman(['receive-wal', '--test', 'pg']);
    expect(test.stdout).toContain(
      `\treceived WAL: FAILED (PostgreSQL has removed ${gone} before it was received: run "barman receive-wal --reset pg"`,
    );
    const { code, stdout, stderr } = await reset();
    expect({ code, stdout: stdout.replace(/[0-9A-F]+\/[0-9A-F]+ /, 'LSN ') }).toEqual({
      code: 0,
      stdout: [
        'Resetting receive-wal directory status',
        `Keeping status file ${folder()}/${old}: it holds WAL that cannot be streamed again`,
        `Creating status file ${folder()}/${wal}.partial`,
        'receive-wal goes on at LSN (timeline 1)',
        'Starting streaming archiver for server pg',
        '',
      ].join('\n'),
    });
    expect(stderr.split('\n')).toEqual([
      `WARNING: 2 WAL files, ${gone} to ${between}, will be missing: PostgreSQL no longer has this WAL`,
      'HINT: run "barman backup pg" as soon as receive-wal streams: no recovery from an older backup goes beyond that',
      '',
    ]);
    await eventually('it streams', () => isStreaming(cluster), 60);
    expect(await archived()).toContain(old);
  });

  it('refuses a position that PostgreSQL has not reached', async () => {
    const cluster = await newCluster();
    await configure(cluster);
    await startReceiver(cluster);
    await stopReceiver();
    const wal = await currentWal(cluster);
    await writeFile(`${folder()}/0000000100000000000000F0`, '');
    const { code, stdout, stderr } = await reset();
    expect({ code, stdout, lines: stderr.split('\n') }).toEqual({
      code: 1,
      stdout: '',
      lines: [
        `ERROR: The receive-wal position is ahead of PostgreSQL current WAL lsn (0000000100000000000000F0 > ${wal})`,
        expect.stringMatching(/^HINT: if it is a standby that lags, wait; if it was put back to an earlier state, /),
        '',
      ],
    });
  });
});

describe('after a change of timeline', () => {
  /** Archived are `timeline`'s segments without a hole from `first` to the newest one. */
  async function expectNoHole(timeline: string, first: string): Promise<void> {
    const names = (await archived()).filter((name) => name.startsWith(timeline) && /^[0-9A-F]{24}$/.test(name));
    expect(names[0]).toBe(first);
    const numbers = names.map((name) => Number.parseInt(name.slice(16), 16));
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
  }

  async function expectAdvice(fork: RegExp): Promise<void> {
    const refused = await box.barman(['receive-wal', 'pg']);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain("is not in this server's history");
    expect(refused.stderr).toContain('HINT: run "barman receive-wal --reset pg"');
    for (const args of [
      ['receive-wal', '--test', 'pg'],
      ['check', 'pg'],
    ]) {
      const line = (await box.barman(args)).stdout.split('\n').find((text) => text.includes('is on timeline'));
      expect(line).toMatch(/^\t(received WAL|receive-wal running): FAILED \(the WAL received so far ends at /);
      expect(line).toMatch(fork);
      expect(line).toContain('run "barman receive-wal --reset pg"');
    }
  }

  it('of a failover that lost a little, goes on at the fork and keeps both sides', async () => {
    const primary = await newCluster();
    const standby = await startStandby(primary);
    clusters.push(standby);
    await configure(primary);
    await startReceiver(primary);
    await fillSegment(primary);
    await eventually(
      'the standby has it',
      async () =>
        (await standby.sql('SELECT pg_last_wal_replay_lsn()')) === (await primary.sql('SELECT pg_current_wal_lsn()')),
    );
    await standby.stop();
    for (let count = 0; count < 2; count += 1) await fillSegment(primary);
    const lost = await currentWal(primary);
    await hasReceived(`${lost}.partial`);
    await stopReceiver();
    await primary.stop('immediate');
    await standby.start();
    await standby.sql('SELECT pg_promote()');
    await eventually('it is promoted', async () => (await standby.sql('SELECT pg_is_in_recovery()')) === 'f');
    const [fork = ''] = (await readdir(join(standby.dataDir, 'pg_wal')))
      .filter((n) => n.startsWith('00000002') && n.length === 24)
      .sort();
    for (let count = 0; count < 3; count += 1) await fillSegment(standby);
    await configure(standby);
    await expectAdvice(/PostgreSQL left that timeline at [0-9A-F/]+ and is on timeline 2:/);

    const { code, stdout, stderr } = await reset();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.split('\n');
    expect(lines).toContain(`Creating status file ${folder()}/${fork}.partial`);
    expect(lines).toContain(`\t${lost}.partial`);
    expect(lines.slice(-3)).toEqual([
      expect.stringMatching(/^receive-wal goes on at [0-9A-F]+\/[0-9A-F]+ \(timeline 2\)$/),
      'Starting streaming archiver for server pg',
      '',
    ]);
    await eventually('it streams', () => isStreaming(standby), 60);
    const last = await currentWal(standby);
    await fillSegment(standby);
    await hasReceived(last);
    await expectNoHole('00000002', fork);
    expect(await archived()).toEqual(expect.arrayContaining([`${lost}.partial`, '00000002.history']));
    await stopReceiver();
    expect((await reset()).stdout).toBe('Nothing to do. Position of receive-wal is aligned.\n');
  });

  it('of a recovery of the source to a moment, goes on at the fork', async () => {
    const source = await newCluster();
    await configure(source);
    const root = await temporaryFolder('recovered');
    await source.sql('SELECT pg_switch_wal()');
    await startReceiver(source);
    await exec(join(source.binDir, 'pg_basebackup'), [
      '-D',
      `${root}/data`,
      '-c',
      'fast',
      '-d',
      source.streamingConninfo,
    ]);
    const target = await source.sql("SELECT pg_create_restore_point('back')");
    expect(target).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    for (let count = 0; count < 3; count += 1) await fillSegment(source);
    const lost = await currentWal(source);
    await hasReceived(`${lost}.partial`);
    await stopReceiver();
    const wal = join(source.dataDir, 'pg_wal');
    await source.stop();
    await cp(wal, `${root}/wal`, { recursive: true });
    const recovery = `restore_command = 'cp ${root}/wal/%f %p'\nrecovery_target_name = 'back'\nrecovery_target_action = 'promote'\n`;
    await writeFile(`${root}/data/postgresql.auto.conf`, recovery);
    await writeFile(`${root}/data/recovery.signal`, '');
    const recovered = clusterAt(source.binDir, `${root}/data`, await freePort(), root);
    clusters.push(recovered);
    await recovered.start();
    await eventually('it is recovered', async () => (await recovered.sql('SELECT pg_is_in_recovery()')) === 'f');
    const [fork = ''] = (await readdir(join(recovered.dataDir, 'pg_wal')))
      .filter((n) => n.startsWith('00000002') && n.length === 24)
      .sort();
    await configure(recovered);
    await expectAdvice(/PostgreSQL left that timeline at [0-9A-F/]+ and is on timeline 2:/);

    const { code, stdout, stderr } = await reset();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`Creating status file ${folder()}/${fork}.partial\n`);
    await eventually('it streams', () => isStreaming(recovered), 60);
    await fillSegment(recovered);
    await hasReceived(fork);
    await expectNoHole('00000002', fork);
    expect(await archived()).toContain(`${lost}.partial`);
  });
});
