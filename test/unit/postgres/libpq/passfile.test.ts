import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Candidate, Parameters } from '../../../../src/postgres/libpq/parameters.ts';
import { findPassword, matchingPassword, missingReplicationLine } from '../../../../src/postgres/libpq/passfile.ts';

describe('matchingPassword', () => {
  const wanted = ['db.example', '5432', 'replication', 'barman'];

  it.each<[string, string, string | undefined]>([
    ['an exact line', 'db.example:5432:replication:barman:s3cr3t', 's3cr3t'],
    ['wildcards', '*:*:*:barman:s3cr3t', 's3cr3t'],
    ['the first line that matches', 'x:*:*:*:no\n*:*:*:*:first\n*:*:*:*:second', 'first'],
    ['escapes', String.raw`db.example:5432:replication:barman:a\:b\\c`, String.raw`a:b\c`],
    ['no comments', '#*:*:*:*:no', undefined],
    ['another user', '*:*:*:postgres:no', undefined],
    ['an escaped star is a star', String.raw`\*:*:*:*:no`, undefined],
    ['a short line', '*:*:*:barman', undefined],
    ['a star as password', '*:*:*:*:*', '*'],
  ])('finds %s', (_name, text, expected) => {
    expect(matchingPassword(text, wanted)).toBe(expected);
  });
});

describe('findPassword', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'barman-pass-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const candidate: Candidate = { host: '/run/pg', address: undefined, port: 5432 };
  const parameters = (passfile: string): Parameters => ({
    keywords: { passfile },
    candidates: [candidate],
    user: 'barman',
    database: 'postgres',
    home: folder,
  });

  it('calls the default socket directory localhost', async () => {
    const file = join(folder, 'pass');
    await writeFile(file, '/run/pg:5432:postgres:barman:no\nlocalhost:5432:postgres:barman:s3cr3t\n', { mode: 0o600 });
    const found = await findPassword(parameters(file), candidate, () => {});
    expect(found).toEqual({ password: 's3cr3t', file });
  });

  it('does not use a file that others can read, and says so', async () => {
    const file = join(folder, 'open');
    await writeFile(file, '*:*:*:*:s3cr3t\n');
    await chmod(file, 0o640);
    const warnings: string[] = [];
    expect(await findPassword(parameters(file), candidate, (text) => warnings.push(text))).toBeUndefined();
    expect(warnings).toEqual([
      `password file "${file}" has group or world access; permissions should be u=rw (0600) or less`,
    ]);
  });

  it('does without a file', async () => {
    expect(await findPassword(parameters(join(folder, 'none')), candidate, () => {})).toBeUndefined();
  });
});

describe('missingReplicationLine', () => {
  it('is the line that a file with this user lacks', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'barman-pass-'));
    const file = join(folder, 'pass');
    const missing = () => missingReplicationLine(`host=db port=5433 user=a:b passfile=${file}`, {});
    expect(await missing()).toBeUndefined();
    await writeFile(file, String.raw`db:5433:postgres:a\:b:s3cr3t`);
    expect(await missing()).toEqual({ file, line: String.raw`db:5433:replication:a\:b:PASSWORD` });
    await writeFile(file, 'db:5433:postgres:other:s3cr3t');
    expect(await missing()).toBeUndefined();
    await writeFile(file, 'db:5433:*:*:s3cr3t');
    expect(await missing()).toBeUndefined();
    await rm(folder, { recursive: true });
  });
});
