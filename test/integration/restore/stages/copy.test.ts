import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listTree } from '../../../../src/restore/stages/copy.ts';

let root: string;
let source: string;
let destination: string;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'barman-copy-'));
  source = join(root, 'base', 'id', 'data');
  destination = join(root, 'destination');
  await mkdir(join(source, 'base', '1'), { recursive: true });
  await mkdir(join(source, 'empty'));
  await mkdir(join(source, 'pg_wal', 'archive_status'), { recursive: true });
  await mkdir(destination);
  await writeFile(join(source, 'base', '1', '16384'), 'x'.repeat(20_000));
  await writeFile(join(source, 'PG_VERSION'), '15\n');
  await writeFile(join(source, 'pg_wal', '000000010000000000000001'), 'wal');
});

afterEach(() => rm(root, { recursive: true, force: true }));

const rules = () => ({ boundary: join(root, 'base', 'id'), isExcluded: (path: string) => path.startsWith('pg_wal/') });

describe('listTree', () => {
  it('leaves out what is no file', async () => {
    execFileSync('mkfifo', [join(source, 'pipe')]);
    expect((await listTree(source, rules())).files.map(({ path }) => path).sort()).toEqual([
      'PG_VERSION',
      'base/1/16384',
    ]);
  });
});
