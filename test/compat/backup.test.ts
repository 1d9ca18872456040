/** `barman backup` and `cron` of both programs on equal servers: same words, same records, same trees. */
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nextSecond } from '../support/eventually.ts';
import { normalised } from '../support/archiving-server.ts';
import { type Cluster, startCluster, temporaryFolder } from '../support/cluster.ts';
import { makeSandbox, type ProgramResult, referenceFolder, type Sandbox } from '../support/sandbox.ts';

describe.skipIf(referenceFolder === undefined)('backup beside Barman 3.20.1 (needs BARMAN_REFERENCE)', () => {
  let box: Sandbox;
  let cluster: Cluster;
  let location: string;

  // Barman gives two backups of one second the same id.
  beforeEach(nextSecond);

  beforeAll(async () => {
    box = await makeSandbox();
    const incoming = (name: string) => join(box.home, name, 'incoming');
    const push = (name: string) => `cp %p ${incoming(name)}/%f.tmp && mv ${incoming(name)}/%f.tmp ${incoming(name)}/%f`;
    // Before PostgreSQL is up: after three failures its archiver rests for a minute.
    for (const name of ['theirs', 'ourss_']) await mkdir(incoming(name), { recursive: true });
    cluster = await startCluster({
      settings: { archive_mode: 'on', archive_command: `${push('theirs')} && ${push('ourss_')}` },
    });
    location = await temporaryFolder('compat-tablespace');
    await cluster.sql(`CREATE TABLESPACE far LOCATION '${location}'`);
    await cluster.sql('CREATE TABLE away TABLESPACE far AS SELECT 1 AS n');
    await configure();
    await box.reference(['check', 'theirs']);
    await box.barman(['check', 'ourss_']);
  });
  afterAll(async () => {
    await cluster?.dispose();
    await box?.dispose();
    await rm(location, { recursive: true, force: true });
  });

  /** Two servers on one cluster; their names are equally long, so that outputs line up. */
  async function configure(extra = ''): Promise<void> {
    const section = (name: string) =>
      `[${name}]\nconninfo = ${cluster.conninfo}\nstreaming_conninfo = ${cluster.streamingConninfo}\nbackup_method = postgres\narchiver = on\nimmediate_checkpoint = true\npath_prefix = ${cluster.binDir}\n${extra}\n`;
    await box.writeConfig(section('theirs') + section('ourss_'));
  }

  function same(theirs: ProgramResult, ours: ProgramResult): void {
    const clean = (text: string) =>
      normalised(text, box.root)
        .replaceAll('ourss_', 'theirs')
        .replace(/^DEBUG: The default backup strategy .*\n/gm, '')
        // How many segments fall into which pass depends on the moment.
        .replace(/^(Processing xlog segments from .*|\tWAL.*)\n/gm, '')
        .replace(/"(Processing xlog segments from [^"]*|\\tWAL[^"]*)", /g, '');
    expect({ ...ours, stdout: clean(ours.stdout), stderr: clean(ours.stderr) }).toEqual({
      ...theirs,
      stdout: clean(theirs.stdout),
      stderr: clean(theirs.stderr),
    });
  }

  async function lastRecord(name: string): Promise<Record<string, string>> {
    const folder = join(box.home, name, 'meta');
    const file =
      (await readdir(folder))
        .filter((text) => text.endsWith('-backup.info'))
        .sort()
        .at(-1) ?? '';
    const lines = (await readFile(join(folder, file), 'utf8')).trimEnd().split('\n');
    return Object.fromEntries(lines.map((line) => line.split(/=([^]*)/).slice(0, 2) as [string, string]));
  }

  /** Field by field: what cannot be equal in two backups is compared by its shape. */
  async function sameRecords(): Promise<void> {
    const shape = (key: string, text: string) =>
      key === 'server_name' ? 'NAME' : normalised(text, box.root).replaceAll('ourss_', 'theirs').replace(/\d+/g, '0');
    const [theirs, ours] = [await lastRecord('theirs'), await lastRecord('ourss_')];
    expect(Object.keys(ours)).toEqual(Object.keys(theirs));
    for (const key of ['version', 'timeline', 'systemid', 'tablespaces', 'pgdata', 'config_file', 'included_files']) {
      expect([key, ours[key]]).toEqual([key, theirs[key]]);
    }
    const shapes = (record: Record<string, string>) =>
      Object.entries(record).map(([key, text]) => [key, shape(key, text)]);
    const vague = new Set(['end_offset', 'begin_offset']);
    expect(shapes(ours).filter(([key]) => !vague.has(key ?? ''))).toEqual(
      shapes(theirs).filter(([key]) => !vague.has(key ?? '')),
    );
  }

  async function tree(name: string): Promise<string[]> {
    const base = join(box.home, name, 'base');
    const id = (await readdir(base)).sort().at(-1) ?? '';
    const names = await readdir(join(base, id), { recursive: true });
    // Relation files come and go (autovacuum); the folders and the files above them do not.
    return names.filter((text) => !/\/\d+(_\w+)?$|pg_stat|PG_\d/.test(text)).sort();
  }

  it.each([
    ['plain', '', ['--wait']],
    ['the second one', '', ['--wait', '--name', 'again']],
    ['gzip', 'backup_compression = gzip', ['--wait']],
    ['lz4', 'backup_compression = lz4', ['--wait']],
    [
      'zstd with options',
      'backup_compression = zstd\nbackup_compression_level = 2\nbackup_compression_location = server',
      ['--wait'],
    ],
    ['none', 'backup_compression = none', ['--wait']],
    [
      'server-side gzip, plain',
      'backup_compression = gzip\nbackup_compression_format = plain\nbackup_compression_location = server',
      ['--wait'],
    ],
    ['worm_mode', 'worm_mode = on', ['--wait']],
  ])('%s', async (_, extra, options) => {
    await configure(extra);
    const theirs = await box.reference(['backup', ...options, 'theirs']);
    const ours = await box.barman(['backup', ...options, 'ourss_']);
    expect(theirs.code).toBe(0);
    same(theirs, ours);
    await sameRecords();
    expect(await tree('ourss_')).toEqual(await tree('theirs'));
  });

  it('JSON', async () => {
    await configure();
    const theirs = await box.reference(['-f', 'json', 'backup', '--wait', 'theirs']);
    const ours = await box.barman(['-f', 'json', 'backup', '--wait', 'ourss_']);
    const shape = (text: string) =>
      normalised(text, box.root)
        .replaceAll('ourss_', 'theirs')
        .replace(/"(Processing xlog segments from |\\t[0-9A-F]{24})[^"]*",? ?/g, '')
        .replace(/, \]/g, ']')
        .replace(/\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}/g, 'CTIME')
        .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, 'UTC')
        .replace(/\d+\.\d{2,}/g, 'SECONDS')
        .replace(/("(?:begin_offset|end_offset|size|deduplicated_size|cluster_size)": )\d+/g, '$1N');
    expect(shape(ours.stdout)).toBe(shape(theirs.stdout));
    expect(ours.stderr).toBe(theirs.stderr);
  });

  it('a failing pg_basebackup, with a retry', async () => {
    const fake = join(box.root, 'fake');
    await mkdir(fake);
    await writeFile(
      join(fake, 'pg_basebackup'),
      '#!/bin/sh\nif [ "$1" = --version ]; then echo "pg_basebackup (PostgreSQL) 99.1"; exit 0; fi\necho "out"; echo "no luck" >&2; exit 1\n',
    );
    await chmod(join(fake, 'pg_basebackup'), 0o755);
    await configure(`path_prefix = ${fake}\nbasebackup_retry_times = 1\nbasebackup_retry_sleep = 1`);
    same(await box.reference(['backup', 'theirs']), await box.barman(['backup', 'ourss_']));
    await sameRecords();
    same(
      await box.reference(['check-backup', 'theirs', 'last-failed']),
      await box.barman(['check-backup', 'ourss_', 'last-failed']),
    );
  });

  it('a hook that says no', async () => {
    await configure('pre_backup_retry_script = exit 63');
    same(await box.reference(['backup', 'theirs']), await box.barman(['backup', 'ourss_']));
    await sameRecords();
  });

  it('hooks are told the same', async () => {
    const script = (option: string) =>
      `${option} = env | grep ^BARMAN_ | grep -v REFERENCE | sort >> $BARMAN_CONFIGURATION.$BARMAN_SERVER`;
    const options = ['pre_backup_script', 'pre_backup_retry_script', 'post_backup_retry_script', 'post_backup_script'];
    await configure(options.map(script).join('\n'));
    same(await box.reference(['backup', '--wait', 'theirs']), await box.barman(['backup', '--wait', 'ourss_']));
    const told = async (name: string) =>
      normalised(await readFile(`${box.configFile}.${name}`, 'utf8'), box.root).replaceAll('ourss_', 'theirs');
    expect(await told('ourss_')).toBe(await told('theirs'));
    expect((await told('ourss_')).match(/^BARMAN_STATUS=.*$/gm)).toEqual([
      'BARMAN_STATUS=EMPTY',
      'BARMAN_STATUS=EMPTY',
      'BARMAN_STATUS=DONE',
      'BARMAN_STATUS=DONE',
    ]);
  });

  it('check-backup', async () => {
    await configure();
    for (const id of ['latest', 'oldest', 'last-failed', 'nosuch']) {
      same(await box.reference(['check-backup', 'theirs', id]), await box.barman(['check-backup', 'ourss_', id]));
      same(
        await box.reference(['-d', 'check-backup', 'theirs', id]),
        await box.barman(['-d', 'check-backup', 'ourss_', id]),
      );
    }
  });

  it('cron', async () => {
    await configure('retention_policy = REDUNDANCY 100');
    const both = (result: ProgramResult): ProgramResult => ({ ...result, stdout: normalised(result.stdout, box.root) });
    expect(both(await box.barman(['cron']))).toEqual(both(await box.reference(['cron'])));
    expect(both(await box.barman(['-f', 'json', 'cron']))).toEqual(both(await box.reference(['-f', 'json', 'cron'])));
  });
});
