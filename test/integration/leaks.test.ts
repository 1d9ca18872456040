/** A test file that leaves a process behind fails, whatever that process did to hide. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { endLeaks, type Mark } from '../support/leaks.ts';
import { type ProgramResult, runProgram } from '../support/sandbox.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

async function mark(): Promise<Mark> {
  const folder = await mkdtemp(join(tmpdir(), 'l'));
  return { entry: `TEST_LEAK_MARK=${folder}`, folder };
}

/** Forks twice, so that nobody of ours is its parent. Returns its pid. */
function detached(command: string, env: NodeJS.ProcessEnv): number {
  const script = `setsid ${command} >/dev/null 2>&1 & echo $!`;
  return Number(spawnSync('sh', ['-c', script], { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8' }).stdout);
}

it('finds a child, what forked twice, what has only our folder on its command line, and what these have started', async () => {
  const ours = await mark();
  const child = spawn('sleep', ['301'], { stdio: 'ignore', env: {} });
  const closed = once(child, 'close');
  detached('sleep 302', { TEST_LEAK_MARK: ours.folder });
  detached(`sh -c 'sleep 303; :' ${ours.folder}/x`, {});
  // Its sh carries the mark, and the sleep below it nothing.
  detached(`sh -c 'env -i sleep 304; :'`, { TEST_LEAK_MARK: ours.folder });
  const foreign = detached('sleep 305', { TEST_LEAK_MARK: `${ours.folder}-not` });
  const left = await endLeaks(ours, 300);
  expect(left.map((line) => line.replace(/^\d+ /, '').replaceAll(ours.folder, 'FOLDER')).sort()).toEqual([
    'sh -c env -i sleep 304; :',
    'sh -c sleep 303; : FOLDER/x',
    'sleep 301',
    'sleep 302',
    'sleep 303',
    'sleep 304',
  ]);
  await closed;
  expect(await endLeaks(ours)).toEqual([]);
  // It throws when there is none.
  process.kill(foreign, 'SIGKILL');
});

it('lets what was told to end do so', async () => {
  const ours = await mark();
  spawn('sleep', ['0.3'], { stdio: 'ignore' });
  expect(await endLeaks(ours)).toEqual([]);
});

/** Runs vitest on these files, by name and body of their only test, with a setup file of ours around each. */
async function runTests(setup: string, files: Readonly<Record<string, string>>): Promise<ProgramResult> {
  const { folder } = await mark();
  for (const [name, body] of Object.entries(files)) {
    const imports = "import { spawn, spawnSync } from 'node:child_process';\nimport { it } from 'vitest';\n";
    await writeFile(join(folder, `${name}.test.ts`), `${imports}it('passes', () => { ${body} });\n`);
  }
  const test = { dir: folder, include: ['**/*.test.ts'], setupFiles: [join(root, 'test/setup', setup)] };
  const config = join(folder, 'vitest.config.mjs');
  await writeFile(config, `export default ${JSON.stringify({ root, test })};`);
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', config];
  return runProgram(process.execPath, args, { env: { TEST_LEAK_GRACE: '300', NO_COLOR: '1' } });
}

it('fails a file of passing tests', async () => {
  const { code, stdout, stderr } = await runTests('leaks.ts', {
    leaking: "spawn('sleep', ['306'], { stdio: 'ignore', detached: true }).unref();",
    clean: "spawnSync('true');",
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(/FAIL +\S*leaking\.test\.ts[^]*this file has left running:\n\d+ sleep 306\n/);
  expect(stdout).toMatch(/Test Files +1 failed \| 1 passed[^]*Tests +2 passed/);
});

it('a unit test that starts a process fails, also when it does not see the error', async () => {
  const { code, stdout, stderr } = await runTests('no-processes.ts', {
    starting: "try { spawnSync('true'); } catch {}",
    hidden: "try { spawn('sleep', ['307']); } catch {}",
    pure: '',
  });
  expect(code).toBe(1);
  expect(stdout).toMatch(/Tests +2 failed \| 1 passed/);
  expect(stderr).toContain('a unit test starts processes or opens sockets: spawnSync true\n');
  expect(stderr).toContain('a unit test starts processes or opens sockets: spawn sleep 307\n');
});
