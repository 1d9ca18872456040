/** One child process, with real programs: how it starts, what is heard of it, and how it is ended. */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { CommandError } from '../../../../src/domain/errors.ts';
import { isAlive } from '../../../../src/host/process/alive.ts';
import { type ChildOptions, startChild } from '../../../../src/host/process/child.ts';
import { commandFailure } from '../../../../src/host/process/failure.ts';
import { programFilter } from '../../../../src/host/process/filter.ts';
import { startBoundChild } from '../../../../src/host/process/parent-death.ts';
import { run } from '../../../../src/host/process/run.ts';

const PIPED = ['ignore', 'pipe', 'pipe'] as const;
const shell = (script: string, options: Partial<ChildOptions> = {}) =>
  startChild('/bin/sh', ['-c', script], { stdio: [...PIPED], ...options });

/** Resolves with the first line that the child says on its stdout. */
function heard(script: string, options: Partial<ChildOptions> = {}) {
  let tell: (line: string) => void;
  const line = new Promise<string>((resolve) => (tell = resolve));
  const child = shell(script, { ...options, onLine: (text) => tell(text) });
  return { child, line };
}

describe('a child', () => {
  it('tells its pid once it runs, and how it ended', async () => {
    const child = shell('echo out; echo err >&2; exit 3');
    expect(await child.started).toBe(child.pid);
    const { durationMs, ...end } = await child.done;
    expect(durationMs).toBeGreaterThan(0);
    expect(end).toEqual({
      command: '/bin/sh',
      args: ['-c', 'echo out; echo err >&2; exit 3'],
      code: 3,
      signal: null,
      stderr: 'err\n',
      timedOut: false,
    });
  });

  it('that cannot be started says so, in both promises, and needs no listener', async () => {
    const child = startChild('/no/such-program', ['secret'], { stdio: 'ignore' });
    const failure = new CommandError("cannot start '/no/such-program': No such file or directory");
    await expect(child.started).rejects.toThrow(failure);
    await expect(child.done).rejects.toThrow(failure);
    child.end();
    startChild('/no/such-program', [], { stdio: 'ignore' });
    await sleep(50);
  });

  it('hands over its lines before its end, the last one too', async () => {
    const lines: string[] = [];
    const child = shell('printf "one\\r\\ntwo\\nrest"; sleep 0.1; printf "\\303"; printf "\\244\\n" >&2', {
      onLine: (line, stream) => lines.push(`${stream} ${line}`),
    });
    await child.done;
    expect(lines.toSorted()).toEqual(['stderr \uFFFD', 'stdout one', 'stdout rest\uFFFD', 'stdout two']);
  });

  it('keeps the last of a long stderr', async () => {
    const { stderr } = await shell('seq 100000 >&2').done;
    expect(stderr.length).toBe(10_000);
    expect(stderr.endsWith('\n99999\n100000\n')).toBe(true);
  });
});

describe('the end', () => {
  it('is polite: the program may end in its own way', async () => {
    const { child, line } = heard('trap "exit 5" TERM; echo ready; while :; do sleep 0.05; done');
    await line;
    child.end();
    expect(await child.done).toMatchObject({ code: 5, signal: null });
    child.end();
  });

  it('is forced after the grace', async () => {
    const { child, line } = heard('trap "" TERM; echo ready; while :; do sleep 0.05; done', { graceMs: 200 });
    await line;
    child.end();
    child.end();
    expect(await child.done).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  it('does not wait for pipes that somebody else holds', async () => {
    const { child, line } = heard('sleep 600 & echo $!; wait');
    const other = Number(await line);
    const begun = performance.now();
    child.end();
    expect(await child.done).toMatchObject({ code: null, signal: 'SIGTERM' });
    expect(performance.now() - begun).toBeGreaterThan(900);
    expect(isAlive(other)).toBe(true);
    process.kill(other, 'SIGKILL');
  });

  it('comes also when the program is gone and only its pipes are held', async () => {
    const { child, line } = heard('sleep 600 & echo $!');
    const other = Number(await line);
    while (isAlive(child.pid ?? 0)) await sleep(10);
    child.end();
    expect(await child.done).toMatchObject({ code: 0 });
    process.kill(other, 'SIGKILL');
  });

  it('comes with an abort, by a signal that may depend on the reason', async () => {
    const abort = new AbortController();
    const killSignal = (reason: unknown) => (reason === 'SIGINT' ? 'SIGINT' : 'SIGTERM');
    const child = startChild('sleep', ['600'], { stdio: 'ignore', signal: abort.signal, killSignal });
    await child.started;
    abort.abort('SIGINT');
    expect(await child.done).toMatchObject({ code: null, signal: 'SIGINT', timedOut: false });
    const late = startChild('sleep', ['600'], { stdio: 'ignore', signal: abort.signal });
    expect(await late.done).toMatchObject({ signal: 'SIGTERM' });
  });

  it('comes when the time is up', async () => {
    const end = await startChild('sleep', ['600'], { stdio: 'ignore', timeoutMs: 50 }).done;
    expect(end).toMatchObject({ signal: 'SIGTERM', timedOut: true });
    expect(commandFailure(end).message).toMatch(/^sleep 600 did not end within \d+ s$/);
  });
});

describe('what a child leaves behind with its pipes', () => {
  it('is not waited for, and all that the child wrote is there', async () => {
    const { stdout, stderr, code } = await run('/bin/sh', ['-c', 'seq 200000; sleep 600 & echo $! >&2']);
    const other = Number(stderr);
    expect(isAlive(other)).toBe(true);
    process.kill(other, 'SIGKILL');
    expect([code, stdout.length, stdout.endsWith('\n200000\n')]).toEqual([0, 1_288_895, true]);
  });

  it('is not waited for when it goes on talking', async () => {
    const child = shell('echo first; while :; do echo more; sleep 0.05; done & echo $! >&2', { onLine: () => {} });
    const { stderr } = await child.done;
    expect(isAlive(Number(stderr))).toBe(true);
    process.kill(Number(stderr), 'SIGKILL');
  });

  it('costs a slow reader of a filter nothing of its content', async () => {
    const pidFile = join(mkdtempSync(join(tmpdir(), 'barman-child-')), 'pid');
    const script = 'cat; sleep 600 & echo $! >"$1"';
    const filter = programFilter('/bin/sh', ['-c', script, 'sh', pidFile], process.env);
    filter.end(Buffer.alloc(3_000_000, 'x'));
    let size = 0;
    for await (const chunk of filter as AsyncIterable<Buffer>) {
      // Longer than the pipes of a child that is gone stay open.
      if (size === 0) await sleep(1_500);
      size += chunk.length;
    }
    process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
    expect(size).toBe(3_000_000);
  });
});

describe('a bound child', () => {
  it('is told by its own name, whatever stands in front of it', async () => {
    const child = await startBoundChild('sh', ['-c', 'exit 4'], 'KILL', { stdio: 'ignore' });
    expect(await child.done).toMatchObject({ command: 'sh', args: ['-c', 'exit 4'], code: 4 });
  });

  it.skipIf(!existsSync('/usr/bin/setpriv'))('dies with a parent that is killed', async () => {
    const script = `setpriv --pdeathsig KILL sleep 600 & echo $!; exec sleep 600`;
    const { child, line } = heard(script, { killSignal: () => 'SIGKILL' });
    const bound = Number(await line);
    // setpriv(1) sets it before it becomes the program.
    await sleep(200);
    child.end();
    await child.done;
    for (let look = 0; look < 100 && isAlive(bound); look += 1) await sleep(20);
    expect(isAlive(bound)).toBe(false);
  });
});

describe('run', () => {
  it('gathers both outputs whole, byte for byte when asked', async () => {
    const result = await run('/bin/sh', ['-c', 'seq 50000; seq 50000 >&2; printf "\\377"'], { encoding: 'latin1' });
    expect(result.stdout.endsWith('50000\n\u00ff')).toBe(true);
    expect(result.stderr.length).toBe(288_894);
  });

  it('hands over input, also to a program that does not want it', async () => {
    expect((await run('cat', [], { input: 'text' })).stdout).toBe('text');
    expect(await run('true', [], { input: 'x'.repeat(1_000_000) })).toMatchObject({ code: 0 });
  });
});

describe('a filter', () => {
  it('ends its program when it is given up', async () => {
    const filter = programFilter('/bin/sh', ['-c', 'echo $$; exec cat'], process.env);
    const [chunk] = (await filter.take(1).toArray()) as [Buffer];
    const pid = Number(chunk.toString());
    filter.destroy();
    for (let look = 0; look < 100 && isAlive(pid); look += 1) await sleep(20);
    expect(isAlive(pid)).toBe(false);
  });

  it('fails with the command as it can be typed, its end and its last words', async () => {
    const filter = programFilter('/bin/sh', ['-c', 'cat >/dev/null; echo no luck >&2; exit 7'], process.env);
    filter.end('text');
    await expect(buffer(filter)).rejects.toThrow(
      "/bin/sh -c 'cat >/dev/null; echo no luck >&2; exit 7' failed with exit code 7: no luck",
    );
  });
});
