import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endText, receiveWalArgs, runPgReceivewal } from '../../../src/postgres/pg-receivewal.ts';

describe('receiveWalArgs', () => {
  const base = { dsn: 'dbname=replication user=x application_name=barman_receive_wal', directory: '/s' };

  it('are those of Barman, in its order', () => {
    expect(receiveWalArgs({ ...base, slotName: 'barman', synchronous: true })).toEqual([
      '--dbname=dbname=replication user=x application_name=barman_receive_wal',
      '--verbose',
      '--no-loop',
      '--no-password',
      '--directory=/s',
      '--slot=barman',
      '--synchronous',
    ]);
    expect(receiveWalArgs({ ...base, slotName: null, synchronous: false })).toHaveLength(5);
  });
});

describe('endText', () => {
  it('is silent about a normal end', () => {
    expect(endText({ code: 0, signal: null })).toBeNull();
    expect(endText({ code: 1, signal: null })).toBe('pg_receivewal terminated with error code: 1');
    expect(endText({ code: null, signal: 'SIGKILL' })).toBe('pg_receivewal terminated by signal: 9');
  });
});

describe('runPgReceivewal', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'barman-receive-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function program(script: string): Promise<string> {
    const path = join(folder, 'pg_receivewal');
    await writeFile(path, `#!/bin/bash\n${script}\n`);
    await chmod(path, 0o755);
    return path;
  }

  it.each(['SIGINT', 'SIGTERM'])('relays its lines and passes %s on', async (name) => {
    const path = await program(
      `trap 'echo got INT; exit 0' INT; trap 'echo got TERM; exit 0' TERM; echo "$@"; echo up >&2; while :; do sleep 0.05; done`,
    );
    const abort = new AbortController();
    const lines: string[] = [];
    const end = await runPgReceivewal(path, ['--a', 'b c'], {
      env: process.env,
      signal: abort.signal,
      onLine: (line) => {
        lines.push(line);
        if (line === 'up') abort.abort(name);
      },
    });
    expect(end).toEqual({ code: 0, signal: null });
    expect([...lines].sort()).toEqual(['--a b c', `got ${name.slice(3)}`, 'up']);
  });

  it('tells how it ended', async () => {
    const options = { env: process.env, signal: new AbortController().signal, onLine: () => {} };
    expect(await runPgReceivewal(await program('exit 3'), [], options)).toEqual({ code: 3, signal: null });
    expect(await runPgReceivewal(await program('kill -9 $$'), [], options)).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('is interrupted when the process that started it is killed', async () => {
    const path = await program(
      `trap 'echo interrupted > ${folder}/end; exit' INT; echo $$ > ${folder}/pid; while :; do sleep 0.05; done`,
    );
    const { spawn } = await import('node:child_process');
    const module = new URL('../../../src/postgres/pg-receivewal.ts', import.meta.url).href;
    const code = `const { runPgReceivewal } = await import(${JSON.stringify(module)}); await runPgReceivewal(${JSON.stringify(path)}, [], { env: process.env, signal: new AbortController().signal, onLine: () => {} });`;
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], { stdio: 'ignore' });
    const read = (name: string) => readFile(join(folder, name), 'utf8').catch(() => '');
    const until = async (name: string) => {
      for (let tries = 0; tries < 400 && (await read(name)) === ''; tries += 1)
        await new Promise((resolve) => setTimeout(resolve, 25));
      return read(name);
    };
    expect(await until('pid')).not.toBe('');
    parent.kill('SIGKILL');
    expect(await until('end')).toBe('interrupted\n');
  }, 20_000);
});
