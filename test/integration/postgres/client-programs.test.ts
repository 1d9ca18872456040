import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findClientProgram } from '../../../src/postgres/client-programs.ts';

describe('findClientProgram', () => {
  let root: string;
  const program = async (folder: string, name: string, body: string) => {
    await mkdir(join(root, folder), { recursive: true });
    await writeFile(join(root, folder, name), `#!/bin/sh\n${body}\n`);
    await chmod(join(root, folder, name), 0o755);
  };
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'barman-bin-'));
    await program('broken', 'pg_basebackup', 'echo "pg_basebackup (PostgreSQL) 16.2"; exit 1');
    await program('garbage', 'pg_basebackup', 'echo nonsense');
    await program('good', 'pg_basebackup', 'echo "pg_basebackup (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"');
    await program('old', 'pg_receivexlog', 'echo "pg_receivexlog (PostgreSQL) 9.6.24"');
    await mkdir(join(root, 'folder', 'pg_basebackup'), { recursive: true });
  });
  afterAll(() => rm(root, { recursive: true }));
  const find = (names: string[], ...folders: string[]) =>
    findClientProgram(names, folders.map((folder) => (folder === '' ? '' : join(root, folder))).join(':'), process.env);

  it('takes the first one that tells its version', async () => {
    expect(await find(['pg_basebackup'], '', 'missing', 'folder', 'broken', 'garbage', 'good')).toEqual({
      path: join(root, 'good', 'pg_basebackup'),
      versionText: '15.18',
      version: 150_018,
    });
  });

  it('knows the name of before PostgreSQL 10', async () => {
    expect(await find(['pg_receivewal', 'pg_receivexlog'], 'good', 'old')).toEqual({
      path: join(root, 'old', 'pg_receivexlog'),
      versionText: '9.6.24',
      version: 90_624,
    });
  });

  it('asks a program once in a command, however often it is looked up', async () => {
    const count = join(root, 'count');
    await program('counted', 'pg_basebackup', `echo x >> ${count}; echo "pg_basebackup (PostgreSQL) 17.2"`);
    const command = { ...process.env };
    const look = () => findClientProgram(['pg_basebackup'], join(root, 'counted'), command);
    await Promise.all([look(), look()]);
    await look();
    expect(await readFile(count, 'utf8')).toBe('x\n');
  });

  it('finds nothing', async () => {
    expect(await find(['pg_basebackup'], 'old', 'broken')).toBeUndefined();
  });
});
