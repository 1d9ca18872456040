/** rsync backups of a standby, with the primary at hand (primary_conninfo): taken, settled, restored, started. */
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArchivingServer, startArchivingServer, startBarman } from '../support/archiving-server.ts';
import { eventually } from '../support/eventually.ts';
import { type Cluster, clusterAt, freePort, temporaryFolder } from '../support/cluster.ts';
import { startStandby } from '../support/standby.ts';

let server: ArchivingServer;
let standby: Cluster;

beforeAll(async () => {
  server = await startArchivingServer();
  standby = await startStandby(server.cluster);
  await server.cluster.sql('CREATE TABLE t AS SELECT generate_series(1, 1000) AS n');
  await configure();
});
afterAll(async () => {
  await standby?.dispose();
  await server?.dispose();
});

function configure(extra = ''): Promise<void> {
  return server.box.writeConfig(
    [
      '[pg]',
      `conninfo = ${standby.conninfo}`,
      `primary_conninfo = ${server.cluster.conninfo}`,
      'backup_method = local-rsync',
      'backup_options = concurrent_backup',
      'archiver = on',
      'immediate_checkpoint = true',
      `path_prefix = ${standby.binDir}`,
      extra,
      '',
    ].join('\n'),
  );
}

describe('a backup of a standby', () => {
  it('settles by a WAL switch on the primary, and is restored', async () => {
    // Something to archive, so that the check finds WAL, and something to switch for.
    const busy = server.cluster.sql('CREATE TABLE busy AS SELECT generate_series(1, 200000) AS n');
    const result = await server.box.barman(['backup', '--wait', '--wait-timeout', '60', 'pg']);
    await busy;
    expect(result, result.stdout + result.stderr).toMatchObject({ code: 0, stderr: '' });
    const [id = ''] = /\d{8}T\d{6}/.exec(result.stdout) ?? [];
    const record = await server.record(id);
    expect(record).toMatchObject({ status: 'DONE', mode: 'rsync-concurrent', pgdata: standby.dataDir });
    expect(record.backup_label).toContain('BACKUP FROM: standby');
    const place = await temporaryFolder('restored');
    try {
      const restored = await server.box.barman(['restore', 'pg', id, `${place}/d`]);
      expect(restored, restored.stderr).toMatchObject({ code: 0 });
      const cluster = clusterAt(standby.binDir, `${place}/d`, await freePort(), place);
      await cluster.start();
      await eventually('recovery ends', async () => (await cluster.sql('SELECT pg_is_in_recovery()')) === 'f');
      expect(await cluster.sql('SELECT count(*) FROM t')).toBe('1000');
      await cluster.stop('immediate');
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  });

  it('an idle primary is made to move on by a checkpoint', async () => {
    await configure('primary_checkpoint_timeout = 1');
    await server.cluster.sql('SELECT pg_switch_wal()');
    const result = await server.box.barman(['backup', '--wait', '--wait-timeout', '60', 'pg']);
    expect(result, result.stdout + result.stderr).toMatchObject({ code: 0, stderr: '' });
  });

  it('fails when the standby is promoted meanwhile', async () => {
    const running = startBarman(server.box, ['backup', '--bwlimit', '4096', 'pg']);
    await eventually('the copy begins', () => running.stdout().includes('Starting backup copy'));
    await standby.sql('SELECT pg_promote()');
    expect((await running.end).code).toBe(1);
    expect(running.stderr()).toMatch(
      /^ERROR: Backup failed issuing stop backup command \(native concurrent\)\.\nDETAILS: Error issuing pg_(backup_stop|stop_backup) command: the standby was promoted during online backup/,
    );
  });
});
