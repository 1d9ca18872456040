/** generate-manifest and verify-backup beside the reference, on backups of both methods. */
import { execFile } from 'node:child_process';
import {
  appendFile,
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nextSecond } from '../support/eventually.ts';
import { type ArchivingServer, startArchivingServer } from '../support/archiving-server.ts';
import { type ProgramResult, referenceFolder, runProgram } from '../support/sandbox.ts';

const exec = promisify(execFile);

describe.skipIf(referenceFolder === undefined)('manifests', () => {
  let server: ArchivingServer;
  /** Data directory of the backup without a manifest, and a copy of it as it was. */
  let copiedData: string;
  /** Their ids: made by rsync, and by pg_basebackup with a manifest. */
  let copied: string;
  let streamed: string;
  let original: string;
  let tablespace: string;

  beforeAll(async () => {
    server = await startArchivingServer();
    const { box, cluster } = server;
    tablespace = await mkdtemp(join(tmpdir(), 'barman-ts-'));
    await cluster.sql(`CREATE TABLESPACE apart LOCATION '${tablespace}'`);
    await cluster.sql('CREATE TABLE t TABLESPACE apart AS SELECT generate_series(1, 1000) AS id');
    streamed = await backup(server.section());
    await nextSecond();
    copied = await backup(asRsync(server.section()));
    await box.writeConfig(server.section());
    copiedData = server.path('base', copied, 'data');
    original = join(box.root, 'original');
    await exec('cp', ['-a', copiedData, original]);
  });

  afterAll(async () => {
    await server?.dispose();
    if (tablespace) await rm(tablespace, { recursive: true, force: true });
  });

  const asRsync = (section: string) =>
    section.replace('= postgres\n', '= local-rsync\nbackup_options = concurrent_backup\n');

  async function backup(section: string): Promise<string> {
    await server.box.writeConfig(section);
    expect(await server.box.reference(['backup', 'pg'])).toMatchObject({ code: 0 });
    return (await server.box.reference(['list-backups', '--minimal', 'pg'])).stdout.split('\n')[0] ?? '';
  }

  async function both(args: readonly string[]): Promise<{ theirs: ProgramResult; ours: ProgramResult }> {
    return { theirs: await server.box.reference(args), ours: await server.box.barman(args) };
  }

  it('writes the very bytes that the reference writes', async () => {
    const path = join(copiedData, 'backup_manifest');
    const args = ['generate-manifest', 'pg', copied];
    const theirs = await server.box.reference(args);
    const theirText = await readFile(path, 'utf8');
    await rm(path);
    expect(await server.box.barman(args)).toEqual(theirs);
    expect(theirs.code).toBe(0);
    expect(await readFile(path, 'utf8')).toBe(theirText);
    await rm(path);
    expect(await server.box.barman(['-f', 'json', 'generate-manifest', 'pg', copied])).toMatchObject({ code: 0 });
    await cp(path, join(original, 'backup_manifest'), { preserveTimestamps: true });
  });

  it.each([
    ['an existing manifest', ['generate-manifest', 'pg', 'latest']],
    ['the same as JSON', ['-f', 'json', 'generate-manifest', 'pg', 'latest']],
    ['an unknown backup', ['generate-manifest', 'pg', 'nosuch']],
    ['all servers', ['generate-manifest', 'all', 'latest']],
    ['an unknown server', ['verify-backup', 'nosuch', 'latest']],
    ['an unknown backup to verify', ['verify', 'pg', 'nosuch']],
  ])('refuses %s', async (_, args) => {
    const { theirs, ours } = await both(args);
    expect(ours).toEqual(theirs);
    expect(ours.code).toBe(1);
  });

  it.each([
    ['verify-backup', 'pg', 'latest'],
    ['verify', 'pg', 'oldest'],
    ['-f', 'json', 'verify-backup', 'pg', 'latest'],
    ['-q', 'verify-backup', 'pg', 'latest'],
  ])('verifies with pg_verifybackup: %s %s %s', async (...args) => {
    const { theirs, ours } = await both(args);
    expect(ours).toEqual(theirs);
    expect(ours.code).toBe(0);
  });

  /** Ours where no pg_verifybackup is on the search path. */
  async function alone(backupId: string): Promise<ProgramResult> {
    await server.box.writeConfig(server.section().replace(/path_prefix.*/, ''));
    try {
      return await server.box.barman(['verify-backup', 'pg', backupId]);
    } finally {
      await server.box.writeConfig(server.section());
    }
  }

  const NOTE = 'pg_verifybackup not found: comparing the files with the manifest without it\n';

  it('gives the same verdict without pg_verifybackup: SHA-256, CRC-32C, a tablespace', async () => {
    for (const id of [copied, streamed]) {
      const theirs = await server.box.reference(['verify-backup', 'pg', id]);
      const ours = await alone(id);
      expect(ours.stdout).toContain(NOTE);
      expect({ ...ours, stdout: ours.stdout.replace(NOTE, '') }).toEqual(theirs);
      expect(ours.code).toBe(0);
    }
  });

  /** In any order: pg_verifybackup tells in that of its hash table. */
  const lines = (text: string) =>
    text
      .replace(/^ERROR: /gm, '')
      .split('\n')
      .sort();

  it.each<[string, (data: string) => Promise<unknown>]>([
    ['a larger file', (data) => appendFile(join(data, 'PG_VERSION'), 'x')],
    ['a shorter file', (data) => truncate(join(data, 'global/1262'), 100)],
    ['a changed byte', (data) => writeFile(join(data, 'PG_VERSION'), '16\n')],
    ['a missing file', (data) => rm(join(data, 'global/1261'))],
    ['a missing directory', (data) => rm(join(data, 'global'), { recursive: true })],
    ['an extra file', (data) => writeFile(join(data, 'base/1/extra file'), '')],
    [
      'a directory in the place of a file',
      async (data) => {
        await rm(join(data, 'PG_VERSION'));
        await mkdir(join(data, 'PG_VERSION'));
      },
    ],
    ['a pipe', (data) => exec('mkfifo', [join(data, 'pipe')])],
    [
      'files that may change',
      async (data) => {
        await appendFile(join(data, 'postgresql.auto.conf'), 'x');
        await writeFile(join(data, 'recovery.signal'), '');
        await mkdir(join(data, 'pg_wal/archive_status'), { recursive: true });
        await writeFile(join(data, 'pg_wal/000000010000000000000001'), '');
      },
    ],
    ['no manifest', (data) => rm(join(data, 'backup_manifest'))],
    ['an empty manifest', (data) => truncate(join(data, 'backup_manifest'))],
    ['a manifest that is not one', (data) => writeFile(join(data, 'backup_manifest'), 'hello')],
    [
      'a changed manifest',
      async (data) => {
        const path = join(data, 'backup_manifest');
        await writeFile(path, (await readFile(path, 'utf8')).replace('"Size": 3}', '"Size": 4}'));
      },
    ],
    [
      'all of it at once',
      async (data) => {
        await appendFile(join(data, 'PG_VERSION'), 'x');
        await writeFile(join(data, 'extra'), '');
        await rm(join(data, 'global/1261'));
        await writeFile(
          join(data, 'backup_label'),
          await readFile(join(data, 'backup_label'), 'latin1').then((text) =>
            text.replace('START', 'START'.toLowerCase()),
          ),
        );
      },
    ],
  ])('says what pg_verifybackup says of %s', async (title, spoil) => {
    try {
      await spoil(copiedData);
      const program = join(server.cluster.binDir, 'pg_verifybackup');
      const theirs = await runProgram(program, ['-n', copiedData]);
      const ours = await alone(copied);
      expect(ours.code).toBe(theirs.code);
      expect(ours.stdout.split(NOTE)[1]).toBe(theirs.stdout);
      const head = `ERROR: verify backup failure on directory '${copiedData}'\nERROR: `;
      expect(lines(ours.stderr)).toEqual(lines(theirs.code === 0 ? '' : `${head}${theirs.stderr}\n`));
      if (title === 'all of it at once') {
        const args = ['verify-backup', 'pg', copied];
        expect(await server.box.barman(args)).toEqual(await server.box.reference(args));
      }
    } finally {
      await rm(copiedData, { recursive: true });
      await exec('cp', ['-a', original, copiedData]);
    }
  });

  it('sees a changed byte in a tablespace, and follows no other link', async () => {
    const streamedData = server.path('base', streamed, 'data');
    const link = join(streamedData, 'pg_tblspc', '1');
    const [oid = ''] = (await exec('ls', [join(streamedData, 'pg_tblspc')])).stdout.split('\n');
    const found =
      (await exec('find', [join(streamedData, '..', oid), '-type', 'f', '-size', '+1k'])).stdout.split('\n')[0] ?? '';
    const whole = await readFile(found);
    try {
      await writeFile(found, Buffer.from(whole).fill(7, 100, 101));
      await symlink('/etc', link);
      const ours = await alone(streamed);
      const inTablespace = found.slice(found.indexOf(`/${oid}/`));
      expect(ours.stderr).toBe(
        [
          `ERROR: verify backup failure on directory '${streamedData}'`,
          'ERROR: pg_verifybackup: error: "pg_tblspc/1" is not a file or directory',
          `pg_verifybackup: error: checksum mismatch for file "pg_tblspc${inTablespace}"`,
          '',
          '',
        ].join('\n'),
      );
      expect(ours.code).toBe(1);
    } finally {
      await rm(link, { force: true });
      await writeFile(found, whole);
    }
  });

  it('refuses what cannot be verified', async () => {
    const meta = server.path('meta', `${streamed}-backup.info`);
    const text = await readFile(meta, 'utf8');
    try {
      for (const change of ['compression=gzip', 'encryption=gpg']) {
        const key = change.split('=')[0] ?? '';
        await writeFile(meta, text.replace(`${key}=None`, change));
        const { theirs, ours } = await both(['verify-backup', 'pg', streamed]);
        expect(ours).toEqual(theirs);
        expect(ours.code).toBe(1);
      }
    } finally {
      await writeFile(`${meta}.new`, text);
      await rename(`${meta}.new`, meta);
      await chmod(meta, 0o644);
    }
  });
});
