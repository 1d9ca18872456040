/** Each program recovers and deletes what the other wrote, on one home, with PostgreSQL started on the result. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, nextSecond } from '../support/eventually.ts';
import { type Cluster, clusterAt, freePort, startCluster } from '../support/cluster.ts';
import { makeSandbox, referenceFolder, type Sandbox, streamingSection } from '../support/sandbox.ts';

describe.skipIf(referenceFolder === undefined)('crossing over', () => {
  let cluster: Cluster;
  let box: Sandbox;
  /** The moment after the first 100 rows and both backups. */
  let moment: string;
  const ids: Record<'ours' | 'theirs', string> = { ours: '', theirs: '' };

  beforeAll(async () => {
    cluster = await startCluster();
    box = await makeSandbox();
    await box.writeConfig(streamingSection('pg', cluster, 'immediate_checkpoint = on\ncompression = gzip'));
    await cluster.sql('CREATE TABLE t AS SELECT generate_series(1, 50) AS id');
    expect((await box.barman(['cron'])).code).toBe(0);
    await eventually('check is content', async () => (await box.barman(['-q', 'check', 'pg'])).code === 0);
    ids.ours = await backupWith(box.barman);
    ids.theirs = await backupWith(box.reference);
    await cluster.sql('INSERT INTO t SELECT generate_series(51, 100)');
    moment = await cluster.sql('SELECT clock_timestamp()');
    await cluster.sql('INSERT INTO t SELECT generate_series(101, 200)');
    expect((await box.barman(['switch-wal', '--force', '--archive', 'pg'])).code).toBe(0);
  });

  afterAll(async () => {
    await box?.barman(['-q', 'receive-wal', '--stop', 'pg']);
    await box?.dispose();
    await cluster?.dispose();
  });

  async function backupWith(program: Sandbox['barman']): Promise<string> {
    // Ids have the resolution of a second: the two backups must not share one.
    await nextSecond();
    const result = await program(['backup', '--wait', '--wait-timeout', '60', 'pg']);
    expect(result).toMatchObject({ code: 0 });
    return (await box.reference(['list-backups', '--minimal', 'pg'])).stdout.split('\n')[0] ?? '';
  }

  it.each([
    ['ours', 'theirs'],
    ['theirs', 'ours'],
    ['ours', 'ours'],
  ] as const)('a backup made by %s is recovered by %s to the moment', async (maker, restorer) => {
    const root = await mkdtemp(join(tmpdir(), 'barman-cross-'));
    const destination = join(root, 'data');
    const program = restorer === 'ours' ? box.barman : box.reference;
    const port = await freePort();
    const restored = clusterAt(cluster.binDir, destination, port, root);
    try {
      const args = ['recover', '--target-time', moment, '--target-action', 'promote', 'pg', ids[maker], destination];
      expect(await program(args)).toMatchObject({ code: 0, stderr: '' });
      await restored.start();
      await eventually('it leaves recovery', async () => (await restored.sql('SELECT pg_is_in_recovery()')) === 'f');
      expect(await restored.sql('SELECT count(*), max(id) FROM t')).toBe('100|100');
    } finally {
      await restored.dispose();
      await rm(root, { recursive: true, force: true });
    }
  });

  it('the reference deletes ours, and we delete theirs', async () => {
    expect(await box.reference(['delete', 'pg', ids.ours])).toMatchObject({ code: 0 });
    expect((await box.barman(['list-backups', '--minimal', 'pg'])).stdout).toBe(`${ids.theirs}\n`);
    expect(await box.barman(['delete', 'pg', ids.theirs])).toMatchObject({ code: 0 });
    expect(await box.reference(['list-backups', 'pg'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});
