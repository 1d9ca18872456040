/** The live line: on a terminal (script(1) gives one), and only there. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ArchivingServer, startArchivingServer } from '../support/archiving-server.ts';
import { barmanProgram } from '../support/sandbox.ts';

const exec = promisify(execFile);
const ERASE = '\r\u001b[K';
let server: ArchivingServer;

beforeAll(async () => {
  server = await startArchivingServer();
});
afterAll(async () => {
  await server?.dispose();
});

async function onTerminal(options: string): Promise<string> {
  const command = `stty cols 100; ${process.execPath} ${barmanProgram} -c ${server.box.configFile} ${options} --bwlimit 8192 pg`;
  return (await exec('script', ['-qec', command, '/dev/null'], { env: { ...process.env, TERM: 'xterm' } })).stdout;
}

it('shows share, speed and time left on a terminal, and wipes the line before each message', async () => {
  const text = await onTerminal('backup');
  const line = /Copying pg: [ \d]\d%  \d+\.\d MiB of \d+\.\d MiB, \d+\.\d [KM]iB\/s, ETA \d+:\d\d/;
  expect(text).toMatch(line);
  const drawn = text.split(ERASE).filter((part) => part.startsWith('Copying pg: '));
  expect(drawn.length).toBeGreaterThan(2);
  const amounts = drawn.map((part) => Number(/% {2}(\d+\.\d) MiB of/.exec(part)?.[1] ?? 0));
  expect(amounts).toEqual([...amounts].sort((left, right) => left - right));
  // What stays on the screen is what a pipe gets.
  const screen = text.split('\n').map((row) => row.split(ERASE).at(-1)?.trimEnd());
  expect(screen.filter((row) => row?.includes('Copying pg'))).toEqual([]);
  expect(screen).toContainEqual(expect.stringMatching(/^Copy done \(time: /));
});

it.each(['-q backup', '-f json backup'])('shows none with %s', async (options) => {
  expect(await onTerminal(options)).not.toContain('Copying');
});

it('shows none in a pipe', async () => {
  const result = await server.box.barman(['backup', '--bwlimit', '8192', 'pg']);
  expect(result.code).toBe(0);
  expect(result.stdout).not.toContain('Copying');
  expect(result.stdout).not.toContain('\u001b');
});
