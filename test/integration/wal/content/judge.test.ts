/** The end of a timeline comes by both ways: what was streamed, and what the promoted standby archives. */
import { execFile, spawn } from 'node:child_process';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { clusterAt, freePort, startCluster, temporaryFolder } from '../../../support/cluster.ts';
import { eventually } from '../../../support/eventually.ts';
import { settingLines } from '../../../support/template-cluster.ts';
import { barmanProgram, makeSandbox, runProgram } from '../../../support/sandbox.ts';
import { walTar } from '../../../support/tar.ts';

const exec = promisify(execFile);

it('takes the partial file of a promoted standby beside that of the stream', async () => {
  const box = await makeSandbox();
  const root = await temporaryFolder('standby');
  const primary = await startCluster({
    initdbArgs: ['--wal-segsize=1'],
    settings: { max_wal_size: '4MB', min_wal_size: '4MB', wal_keep_size: '64MB', autovacuum: 'off' },
  });
  const dataDir = join(root, 'data');
  const standby = clusterAt(primary.binDir, dataDir, await freePort(), root);
  const streaming = join(box.home, 'pg', 'streaming');
  const archive = join(root, 'archive');
  let receiver: ReturnType<typeof spawn> | undefined;
  try {
    await mkdir(streaming, { recursive: true });
    await mkdir(archive);
    await exec(join(primary.binDir, 'pg_basebackup'), [
      '-d',
      primary.streamingConninfo,
      '-D',
      dataDir,
      '-R',
      '-c',
      'fast',
    ]);
    await appendFile(
      join(dataDir, 'postgresql.conf'),
      settingLines({ archive_mode: 'on', archive_command: `cp %p ${archive}/%f`, wal_keep_size: '0' }),
    );
    await standby.start();
    receiver = spawn(join(primary.binDir, 'pg_receivewal'), ['-n', '-d', primary.streamingConninfo, '-D', streaming], {
      stdio: 'ignore',
    });
    const done = new Promise((resolve) => receiver?.once('exit', resolve));
    const replayed = async () => {
      const lsn = await primary.sql('SELECT pg_current_wal_flush_lsn()');
      return (await standby.sql(`SELECT pg_last_wal_replay_lsn() >= '${lsn}'`)) === 't';
    };
    // Until the standby writes into files that held other WAL: what lies behind its end is no zeros then.
    await primary.sql('CREATE TABLE t (text text)');
    for (let round = 0; round < 6; round += 1) {
      await primary.sql("INSERT INTO t SELECT repeat('x', 500) FROM generate_series(1, 4000)");
      await primary.sql('CHECKPOINT');
      await eventually('the standby follows', replayed);
      await standby.sql('CHECKPOINT');
    }
    await primary.sql('SELECT pg_switch_wal()');
    await primary.sql('INSERT INTO t VALUES (1)');
    const last = await primary.sql('SELECT pg_walfile_name(pg_current_wal_flush_lsn())');
    const PARTIAL = `${last}.partial`;
    await eventually('the standby follows', replayed);
    await eventually('it is streamed', async () => {
      const bytes = await readFile(join(streaming, PARTIAL)).catch(() => Buffer.alloc(0));
      return bytes.readUInt16LE(0) !== 0;
    });
    await primary.stop('immediate');
    await done;
    await standby.sql('SELECT pg_promote()');
    await eventually('the standby archives', async () => (await readdir(archive)).includes(PARTIAL));
    const [streamed, archived] = [await readFile(join(streaming, PARTIAL)), await readFile(join(archive, PARTIAL))];
    expect(streamed.length).toBe(archived.length);

    await box.writeConfig(
      `[pg]\nconninfo = ${standby.conninfo}\nbackup_method = postgres\nstreaming_conninfo = ${standby.streamingConninfo}\narchiver = on\n`,
    );
    const path = (...parts: string[]) => join(box.home, 'pg', ...parts);
    await mkdir(path('incoming'), { recursive: true });
    await writeFile(path('incoming', PARTIAL), streamed);
    expect(await box.barman(['archive-wal', 'pg'])).toMatchObject({ code: 0, stderr: '' });
    const input = await walTar({ [PARTIAL]: archived });
    const args = ['-c', box.configFile, 'put-wal', 'pg'];
    expect(await runProgram(barmanProgram, args, { input })).toMatchObject({ code: 0, stdout: '', stderr: '' });
    // The same by a copy into the queue.
    await writeFile(path('incoming', PARTIAL), archived);
    expect(await box.barman(['archive-wal', 'pg'])).toMatchObject({ code: 0, stderr: '' });
    expect(await readdir(path('incoming'))).toEqual([]);
    expect(await readdir(path('errors')).catch(() => [])).toEqual([]);
  } finally {
    receiver?.kill('SIGKILL');
    await standby.dispose();
    await primary.dispose();
    await box.dispose();
  }
});
