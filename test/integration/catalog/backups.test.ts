/** Backup records on disk: both places, damage, claims. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fixture, makeHome, type TestHome } from '../../support/server-home.ts';

const ID = '20261121T023611';
const RECORD = readFileSync(fixture('backup-info/rsync-reuse-link'), 'utf8');

let home: TestHome;
beforeEach(() => {
  home = makeHome();
});
afterEach(() => home.dispose());

describe('a damaged record', () => {
  it('is also a link, a directory, a pipe or a file that may not be read', async () => {
    const reasons = async () => (await home.open().listBackups()).damaged.map(({ reason }) => reason);
    const outside = home.write('elsewhere', RECORD);
    const path = home.path('meta', `${ID}-backup.info`);
    mkdirSync(home.path('meta'));
    symlinkSync(outside, path);
    expect(await reasons()).toEqual(['it is a symbolic link']);
    rmSync(path);
    mkdirSync(path);
    expect(await reasons()).toEqual(['it is not a file']);
    rmSync(path, { recursive: true });
    spawnSync('mkfifo', [path]);
    expect(await reasons()).toEqual(['it is not a file']);
    rmSync(path);
    home.write(`meta/${ID}-backup.info`, RECORD);
    chmodSync(path, 0);
    if (process.getuid?.() !== 0) expect(await reasons()).toEqual(['Permission denied']);
    chmodSync(path, 0o600);
    expect(await reasons()).toEqual([]);
  });
});

describe('createBackup', () => {
  const now = new Date(2026, 10, 21, 2, 36, 11);

  it('gives every one of several processes an id of its own', async () => {
    const child = fileURLToPath(new URL('claim-child.ts', import.meta.url));
    const runs = Array.from({ length: 3 }, () => runChild(child, [home.root, String(now.getTime()), '6']));
    const ids = (await Promise.all(runs)).flat();
    expect(ids).toHaveLength(18);
    expect(new Set(ids).size).toBe(18);
    expect((await home.catalog.listBackups()).backups.map(({ backupId }) => backupId)).toEqual(ids.sort());
  }, 30_000);
});

function runChild(program: string, args: readonly string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.once('close', (code) =>
      code === 0 ? resolve(output.trim().split('\n')) : reject(new Error(`code ${code}`)),
    );
  });
}
