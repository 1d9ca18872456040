import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPgBasebackup } from '../../../src/postgres/pg-basebackup.ts';

describe('findPgBasebackup', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'barman-pgbb-'));
    program('broken', 'exit 3');
    program('good', 'echo "pg_basebackup (PostgreSQL) 17.2 (Debian 17.2-1)"');
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  function program(name: string, body: string): void {
    mkdirSync(join(root, name));
    writeFileSync(join(root, name, 'pg_basebackup'), `#!/bin/sh\n${body}\n`);
    chmodSync(join(root, name, 'pg_basebackup'), 0o755);
  }

  it('takes the first one that tells its version', async () => {
    const path = `/nowhere:${join(root, 'broken')}:${join(root, 'good')}`;
    expect(await findPgBasebackup(path, process.env)).toEqual({
      path: join(root, 'good', 'pg_basebackup'),
      version: '17.2',
      major: 17,
    });
  });

  it('finds none', async () => {
    expect(await findPgBasebackup(join(root, 'broken'), process.env)).toBeUndefined();
  });
});
