/** The silent checks that backup and receive-wal run before they start. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openLog } from '../../src/host/log.ts';
import { loadConfig, readMainFile } from '../../src/config/load.ts';
import { isReadyForBackup, walStreamingChecks } from '../../src/checks/run.ts';
import { silentOutput } from '../../src/checks/silent-output.ts';
import { putInForce } from '../../src/config/in-force.ts';
import type { CommandContext } from '../../src/server/context.ts';
import type { ServerScope } from '../../src/server/scope.ts';
import { withServer } from '../../src/server/with-server.ts';
import { eventually } from '../support/eventually.ts';
import { type Cluster, startCluster } from '../support/cluster.ts';
import { makeSandbox, type Sandbox } from '../support/sandbox.ts';

describe('silent checks', () => {
  let cluster: Cluster;
  let box: Sandbox;

  beforeAll(async () => {
    cluster = await startCluster({ settings: { archive_mode: 'on', archive_command: '/bin/true' } });
    await cluster.sql('SELECT pg_switch_wal()');
    const count = 'SELECT archived_count FROM pg_stat_archiver';
    await eventually('a segment is archived', async () => (await cluster.sql(count)) !== '0');
  });
  afterAll(() => cluster?.dispose());
  beforeEach(async () => {
    box = await makeSandbox();
  });
  afterEach(() => box.dispose());

  const section = (extra = '') =>
    `[pg]\nconninfo = ${cluster.conninfo}\nstreaming_conninfo = ${cluster.streamingConninfo}\nbackup_method = postgres\narchiver = on\npath_prefix = ${cluster.binDir}\n${extra}\n`;

  const onServer = async <T>(body: (scope: ServerScope) => Promise<T>): Promise<T> => {
    const log = openLog({ file: box.logFile, level: 10, redact: (text) => text });
    const config = loadConfig(readMainFile({ path: box.configFile, env: process.env }));
    const signal = new AbortController().signal;
    const ctx: CommandContext = {
      configuration: config,
      output: silentOutput(log),
      log,
      now: () => new Date(),
      signal,
      env: process.env,
    };
    const serverConfig = config.servers.get('pg');
    if (!serverConfig) throw new Error('no server pg');
    return withServer(ctx, putInForce(serverConfig), (scope) => body(scope));
  };

  const withWal = async () => {
    const home = join(box.home, 'pg');
    for (const folder of ['wals', 'errors', 'streaming', 'meta']) await mkdir(join(home, folder), { recursive: true });
    await writeFile(
      join(home, 'wals', 'pg-xlog.db'),
      '000000010000000000000001\t16777216\t1795228535.19\tNone\tNone\n',
    );
  };

  it('let a backup start in spite of failures that it may cure', async () => {
    await box.writeConfig(
      section(
        'minimum_redundancy = 3\nlast_backup_maximum_age = 1 DAYS\nlast_wal_maximum_age = 1 HOUR\nlast_backup_minimum_size = 1 Gi',
      ),
    );
    await withWal();
    await writeFile(join(box.home, 'pg', 'errors', 'x.20261121T023531Z.unknown'), '');
    await writeFile(join(box.home, 'pg', 'streaming', '000000010000000000000001'), '');
    await writeFile(join(box.home, 'pg', 'meta', '20261121T023531-backup.info'), '');
    expect(await onServer((scope) => isReadyForBackup(scope))).toBe(true);
    const log = await readFile(box.logFile, 'utf8');
    const ignored = [...log.matchAll(/Ignoring failed check '([^']+)' for server 'pg'/g)].map((match) => match[1]);
    expect(ignored).toEqual([
      'empty streaming directory',
      'backup maximum age',
      'backup minimum size',
      'wal maximum age',
      'backup catalog',
      'minimum redundancy requirements',
      'archiver errors',
    ]);
    expect(log).not.toContain("' failed for server 'pg'");
  });

  it('refuse a backup that would have no WAL, and say why in the log', async () => {
    await box.writeConfig(section('streaming_archiver = on\nslot_name = gone'));
    await withWal();
    expect(await onServer((scope) => isReadyForBackup(scope, { checkTimeout: 20 }))).toBe(false);
    const log = await readFile(box.logFile, 'utf8');
    const failed = [...log.matchAll(/ERROR: Check '([^']+)' failed for server 'pg'/g)].map((match) => match[1]);
    expect(failed).toEqual(['replication slot', 'receive-wal running']);
  });

  it('let receive-wal start only where it can stream', async () => {
    await box.writeConfig(section('streaming_archiver = on\nslot_name = gone'));
    expect(await onServer(walStreamingChecks)).toBe(true);
    await mkdir(join(box.home, 'pg'), { recursive: true });
    await writeFile(join(box.home, 'pg', 'identity.json'), '{"systemid": "1", "version": "15"}');
    expect(await onServer(walStreamingChecks)).toBe(false);
    expect(await readFile(box.logFile, 'utf8')).toContain(
      "Check 'systemid coherence (WAL streaming)' failed for server 'pg'",
    );
  });
});
