/** rsync backups of both programs on equal servers, through one sshd: same words, records and trees; each builds on the other's. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { normalised } from '../support/archiving-server.ts';
import { eventually } from '../support/eventually.ts';
import { type Cluster, clusterAt, freePort, startCluster, temporaryFolder } from '../support/cluster.ts';
import { makeSandbox, type ProgramResult, referenceFolder, type Sandbox } from '../support/sandbox.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';

const exec = promisify(execFile);

describe.skipIf(referenceFolder === undefined)('rsync beside Barman 3.20.1 (needs BARMAN_REFERENCE)', () => {
  let box: Sandbox;
  let cluster: Cluster;
  let sshd: Sshd;
  let location: string;
  let configFolder: string;

  beforeAll(async () => {
    box = await makeSandbox();
    sshd = await startSshd();
    configFolder = await temporaryFolder('etc');
    await writeFile(
      join(configFolder, 'hba.conf'),
      'host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n',
    );
    const incoming = (name: string) => join(box.home, name, 'incoming');
    const push = (name: string) => `cp %p ${incoming(name)}/%f.tmp && mv ${incoming(name)}/%f.tmp ${incoming(name)}/%f`;
    for (const name of ['theirs', 'ourss_']) await mkdir(incoming(name), { recursive: true });
    cluster = await startCluster({
      settings: {
        archive_mode: 'on',
        archive_command: `${push('theirs')} && ${push('ourss_')}`,
        hba_file: join(configFolder, 'hba.conf'),
        autovacuum: 'off',
      },
    });
    location = await temporaryFolder('compat-tablespace');
    await cluster.sql(`CREATE TABLESPACE far LOCATION '${location}'`);
    await cluster.sql('CREATE TABLE away TABLESPACE far AS SELECT generate_series(1, 1000) AS n');
    await configure();
    // The first connection of all adds a host key, which Barman takes for noise.
    await exec('ssh', ['-F', sshd.configFile, 'pghost', 'true']);
    await box.reference(['check', 'theirs']);
    await box.barman(['check', 'ourss_']);
  });
  afterAll(async () => {
    await cluster?.dispose();
    await sshd?.dispose();
    await box?.dispose();
    for (const folder of [location, configFolder]) await rm(folder, { recursive: true, force: true });
  });

  async function configure(extra = '', method = 'rsync'): Promise<void> {
    const ssh = method === 'rsync' ? `ssh_command = ${sshd.sshCommand} pghost\n` : '';
    const section = (name: string) =>
      `[${name}]\nconninfo = ${cluster.conninfo}\nbackup_method = ${method}\n${ssh}backup_options = concurrent_backup\narchiver = on\nimmediate_checkpoint = true\npath_prefix = ${cluster.binDir}\n${extra}\n`;
    await box.writeConfig(section('theirs') + section('ourss_'));
  }

  function same(theirs: ProgramResult, ours: ProgramResult, clean = (text: string) => text): void {
    const shape = (text: string) =>
      clean(
        normalised(text, box.root)
          .replaceAll('ourss_', 'theirs')
          // How many segments fall into which pass depends on the moment, and so does when the older ones go.
          .replace(/^(Processing xlog segments from .*|WAL segments preceding .*|\tWAL.*)\n/gm, '')
          .replace(/: \d+ B\./g, ': SIZE.')
          .replace(/-\d+\.\d\d%/, 'RATIO'),
      );
    expect({ ...ours, stdout: shape(ours.stdout), stderr: shape(ours.stderr) }).toEqual({
      ...theirs,
      stdout: shape(theirs.stdout),
      stderr: shape(theirs.stderr),
    });
  }

  const base = (name: string, ...parts: readonly string[]) => join(box.home, name, 'base', ...parts);
  async function lastId(name: string): Promise<string> {
    return (await readdir(base(name))).sort().at(-1) ?? '';
  }
  async function lastRecord(name: string): Promise<Record<string, string>> {
    const text = await readFile(join(box.home, name, 'meta', `${await lastId(name)}-backup.info`), 'utf8');
    const lines = text.trimEnd().split('\n');
    return Object.fromEntries(lines.map((line) => line.split(/=([^]*)/).slice(0, 2) as [string, string]));
  }
  async function sameRecords(clean = (text: string) => text): Promise<void> {
    const [theirs, ours] = [await lastRecord('theirs'), await lastRecord('ourss_')];
    const shape = (record: Record<string, string>) =>
      Object.entries(record)
        .filter(([key]) => !['end_offset', 'begin_offset'].includes(key))
        .map(([key, text]) => [
          key,
          clean(normalised(text, box.root))
            .replaceAll('ourss_', 'theirs')
            .replace(/\d+(\.\d+)?/g, '0')
            // In the order in which the copies ended.
            .replace(/(?<=_per_item': \{)[^}]*/g, (items) => items.split(', ').sort().join(', ')),
        ]);
    expect(shape(ours)).toEqual(shape(theirs));
    for (const key of ['version', 'timeline', 'systemid', 'tablespaces', 'pgdata', 'config_file', 'hba_file', 'mode']) {
      expect([key, ours[key]]).toEqual([key, theirs[key]]);
    }
  }
  /** Every name with its kind and mode, and the content of what does not change between two backups. */
  async function tree(name: string): Promise<string[]> {
    const root = base(name, await lastId(name));
    const lines: string[] = [];
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const short = path.slice(root.length + 1);
      // Ours is private whatever the umask.
      const mode = short === 'data/backup_label' ? 0 : (await stat(path)).mode & 0o7777;
      const size =
        entry.isFile() && !/pg_control|backup_label|pg_xact|pg_stat|pg_logical/.test(short)
          ? (await stat(path)).size
          : '';
      lines.push(`${short} ${entry.isDirectory() ? 'd' : 'f'} ${mode.toString(8)} ${size}`);
    }
    return lines.sort();
  }
  async function links(name: string): Promise<number> {
    const root = base(name, await lastId(name));
    return Number((await exec('sh', ['-c', 'find "$1" -type f -links +1 | wc -l', 'sh', root])).stdout);
  }

  it.each([
    ['the first backup, linking', 'reuse_backup = link', 'rsync'],
    ['the second, linking, two jobs', 'reuse_backup = link\nparallel_jobs = 2', 'rsync'],
    ['without reuse, compressed', 'network_compression = on', 'rsync'],
    ['copying what is unchanged', 'reuse_backup = copy\nbandwidth_limit = 100000', 'rsync'],
    ['local, with a manifest', 'reuse_backup = link\nautogenerate_manifest = on', 'local-rsync'],
  ])('%s', async (_, extra, method) => {
    await configure(extra, method);
    const theirs = await box.reference(['backup', '--wait', 'theirs']);
    const ours = await box.barman(['backup', '--wait', 'ourss_']);
    expect(theirs.code).toBe(0);
    same(theirs, ours);
    await sameRecords();
    expect(await tree('ourss_')).toEqual(await tree('theirs'));
    expect(await links('ourss_')).toBe(await links('theirs'));
  });

  it('JSON', async () => {
    await configure('reuse_backup = link');
    const theirs = await box.reference(['-f', 'json', 'backup', '--wait', 'theirs']);
    const ours = await box.barman(['-f', 'json', 'backup', '--wait', 'ourss_']);
    const keys = (text: string) => {
      const { _INFO: info, ...rest } = JSON.parse(text) as Record<string, unknown>;
      return { info: Array.isArray(info), keys: Object.keys(rest), modes: [rest.status, rest.mode] };
    };
    expect(keys(ours.stdout)).toEqual(keys(theirs.stdout));
  });

  it('no rsync over there', async () => {
    await configure();
    await sshd.addRemote('rsync', '#!/bin/sh\necho "sh: rsync: not found" >&2\nexit 127\n');
    // Which of the two rsync says depends on whether it hears of the end of the stream or of ssh first.
    const cause = /(remote command not found \(code 127\)|error in rsync protocol data stream \(code 12\))/;
    const clean = (text: string) => text.replace(cause, 'CAUSE');
    try {
      const theirs = await box.reference(['backup', 'theirs']);
      same(theirs, await box.barman(['backup', 'ourss_']), clean);
      expect(theirs.stderr).toMatch(cause);
      await sameRecords(clean);
    } finally {
      await rm(join(sshd.remoteBin, 'rsync'));
    }
  });

  it('a file that cannot be read: the same words but for the list of what was copied', async () => {
    await configure();
    const closed = join(cluster.dataDir, 'closed');
    await writeFile(closed, 'x');
    await chmod(closed, 0);
    try {
      const theirs = await box.reference(['backup', 'theirs']);
      const ours = await box.barman(['backup', 'ourss_']);
      same(theirs, ours, (text) => text.replace(/(?<=DETAILS: data transfer failure\n)[^]*/, ''));
      expect(ours.stderr).toContain(`these files could not be copied:\n\t${closed}\n`);
      await sameRecords();
    } finally {
      await rm(closed);
    }
  });

  it('each restores, lists and builds on a backup of the other', async () => {
    await configure('reuse_backup = link');
    for (const [first, second] of [
      [box.barman, box.reference],
      [box.reference, box.barman],
    ] as const) {
      expect((await first(['backup', '--wait', 'theirs'])).code).toBe(0);
      const result = await second(['backup', '--wait', 'theirs']);
      expect(result.code).toBe(0);
      expect(await links('theirs')).toBeGreaterThan(500);
      same(
        await box.reference(['show-backup', 'theirs', 'latest']),
        await box.barman(['show-backup', 'theirs', 'latest']),
      );
      const place = await temporaryFolder('crossed');
      const restored = await first(['restore', 'theirs', 'latest', `${place}/d`, '--tablespace', `far:${place}/far`]);
      expect(restored, restored.stderr).toMatchObject({ code: 0 });
      const clone = clusterAt(cluster.binDir, `${place}/d`, await freePort(), place);
      await clone.start();
      await eventually('recovery ends', async () => (await clone.sql('SELECT pg_is_in_recovery()')) === 'f');
      expect(await clone.sql('SELECT count(*) FROM away')).toBe('1000');
      await clone.dispose();
    }
  });
});
