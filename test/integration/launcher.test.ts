/** bin/barman: with the compiled code of the build, without it, with a spoiled one, and before the build. */
import { execFile } from 'node:child_process';
import { cp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import Module from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Script } from 'node:vm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { VERSION_LINE } from '../../src/domain/version.ts';
import { temporaryFolder } from '../support/cluster.ts';

const exec = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
let place: string;
let cache: string;

beforeEach(async () => {
  place = await temporaryFolder('launcher');
  cache = join(place, 'dist', 'compiled', 'cron');
  for (const name of ['bin', 'dist']) await cp(join(root, name), join(place, name), { recursive: true });
});
afterEach(() => rm(place, { recursive: true }));

// The word chooses the compiled code.
const version = async () => (await exec(join(place, 'bin', 'barman'), ['-v', 'cron'])).stdout;

it('runs with the compiled code of the build, and without it', async () => {
  expect((await stat(cache)).size).toBeGreaterThan(100_000);
  expect(await version()).toBe(`${VERSION_LINE}\n`);
  await rm(cache);
  expect(await version()).toBe(`${VERSION_LINE}\n`);
});

it('gives V8 compiled code that it takes', async () => {
  const bundle = join(root, 'dist', 'barman.cjs');
  const source = Module.wrap(await readFile(bundle, 'latin1'));
  const names = (await readdir(join(root, 'dist', 'compiled'))).sort();
  const taken: string[] = [];
  for (const name of names) {
    const cachedData = await readFile(join(root, 'dist', 'compiled', name));
    if (new Script(source, { filename: bundle, cachedData }).cachedDataRejected === false) taken.push(name);
  }
  expect(names).toEqual(['archive-wal', 'cron', 'get-wal', 'help', 'other', 'put-wal', 'version']);
  expect(taken).toEqual(names);
});

it('does not mind compiled code that was cut or is none', async () => {
  await truncate(cache, 50_000);
  expect(await version()).toBe(`${VERSION_LINE}\n`);
  await writeFile(cache, 'junk');
  expect(await version()).toBe(`${VERSION_LINE}\n`);
});

it('says how to build it', async () => {
  await rm(join(place, 'dist'), { recursive: true });
  await expect(version()).rejects.toMatchObject({
    code: 1,
    stdout: '',
    stderr: `ERROR: barman is not built (${place}/dist/barman.cjs is missing).\nHINT: run "npm ci" in the folder that holds package.json\n`,
  });
});
