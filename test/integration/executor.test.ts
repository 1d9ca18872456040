/** One suite for every executor, and what only a remote one can meet. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Executor } from '../../src/host/executor.ts';
import { localExecutor } from '../../src/host/executor/local.ts';
import { sshExecutor } from '../../src/host/executor/openssh.ts';
import { ssh2Executor } from '../../src/host/executor/ssh2.ts';
import { type Sshd, startSshd } from '../support/sshd.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const exec = promisify(execFile);
let sshd: Sshd;
let folder: string;
const open: Executor[] = [];

beforeAll(async () => {
  sshd = await startSshd();
  folder = await mkdtemp(join(tmpdir(), 'barman-executor-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((executor) => executor.close()));
});
afterAll(async () => {
  await sshd?.dispose();
  await rm(folder, { recursive: true, force: true });
});

function opened<E extends Executor>(executor: E): E {
  open.push(executor);
  return executor;
}
function overSsh(command = `${sshd.sshCommand} pghost`, env = process.env) {
  return opened(sshExecutor({ command, env }));
}
function overSsh2(command = `${sshd.sshCommand} pghost`, env = process.env) {
  return opened(ssh2Executor({ command, env }));
}
async function handshakes(): Promise<number> {
  return (await sshd.log()).split('\n').filter((line) => line.startsWith('Accepted publickey')).length;
}

const HARD_NAMES = ['plain', 'with blank', `it's`, 'a"b', '$(id)', '`id`', 'new\nline', '-rf', 'ü', '*'];

describe.each([
  ['local', () => opened(localExecutor(process.env))],
  ['OpenSSH', () => overSsh()],
  ['ssh2', () => overSsh2()],
])('the %s executor', (_, make) => {
  it('brings arguments, input and output through as they are', async () => {
    const executor = make();
    const result = await executor.run(['printf', '%s\\0', ...HARD_NAMES]);
    expect({ code: result.code, stdout: result.stdout }).toEqual({
      code: 0,
      stdout: HARD_NAMES.map((name) => `${name}\0`).join(''),
    });
    const echoed = await executor.run(['cat'], { input: 'a\0b\nü' });
    expect(echoed.stdout).toBe('a\0b\nü');
  });

  it('tells exit code and both outputs', async () => {
    const { code, stdout, stderr } = await make().run(['sh', '-c', 'echo out; echo err >&2; exit 7']);
    expect({ code, stdout, stderr }).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' });
  });

  it('ends a command that is told to end', async () => {
    const executor = make();
    const abort = new AbortController();
    const started = performance.now();
    const running = executor.run(['sleep', '60'], {
      signal: abort.signal,
      onLine: () => {},
    });
    setTimeout(() => abort.abort(), 300);
    expect((await running).code).not.toBe(0);
    expect(performance.now() - started).toBeLessThan(30_000);
  });

  it('writes, reads, lists and removes files of any name and content', async () => {
    const executor = make();
    const root = await mkdtemp(join(folder, 'verbs-'));
    const content = Buffer.from([0, 1, 0xff, 0x0a, 0xfe, 0x27]);
    for (const name of HARD_NAMES) {
      await executor.writeFile(join(root, name), content, 0o640);
      expect(await readFile(join(root, name))).toEqual(content);
      expect((await stat(join(root, name))).mode & 0o777).toBe(0o640);
      expect(await executor.readFile(join(root, name))).toEqual(content);
    }
    expect(await executor.list(root)).toEqual([...HARD_NAMES].sort());
    await executor.writeFile(join(root, 'plain'), 'shorter');
    expect(await readFile(join(root, 'plain'), 'utf8')).toBe('shorter');
    for (const name of HARD_NAMES) await executor.removeFile(join(root, name));
    await executor.removeFile(join(root, 'never there'));
    expect(await readdir(root)).toEqual([]);
  });

  it('tells what is there', async () => {
    const executor = make();
    const root = await mkdtemp(join(folder, 'kinds-'));
    await executor.makeDirectory(join(root, 'a b', 'c'), 0o700);
    await executor.makeDirectory(join(root, 'a b', 'c'), 0o700);
    expect((await stat(join(root, 'a b', 'c'))).mode & 0o777).toBe(0o700);
    await writeFile(join(root, 'file'), '');
    await symlink('nowhere', join(root, 'link'));
    await exec('mkfifo', [join(root, 'fifo')]);
    const kinds = await Promise.all(
      ['a b', 'file', 'link', 'fifo', 'nothing', 'file/below'].map((name) => executor.kindOf(join(root, name))),
    );
    expect(kinds).toEqual(['directory', 'file', 'link', 'other', null, null]);
    expect(await executor.list(join(root, 'nothing'))).toBeNull();
    expect(await executor.list(join(root, 'a b', 'c'))).toEqual([]);
  });

  it('names the path that it cannot read or write', async () => {
    const executor = make();
    const root = await mkdtemp(join(folder, 'errors-'));
    await mkdir(join(root, 'closed'), { mode: 0o500 });
    await chmod(join(root, 'closed'), 0o500);
    await expect(executor.readFile(join(root, 'nothing'))).rejects.toThrow(
      new RegExp(`'${root}/nothing': .*[Nn]o such file`),
    );
    await expect(executor.writeFile(join(root, 'closed', 'x'), 'x')).rejects.toThrow(
      new RegExp(`'${root}/closed/x': .*[Pp]ermission denied`),
    );
    await expect(executor.makeDirectory(join(root, 'closed', 'x'))).rejects.toThrow(/[Pp]ermission denied/);
    expect(await readdir(join(root, 'closed'))).toEqual([]);
  });
});

describe('many commands over ssh', () => {
  it('share one connection, which ends with the executor and leaves nothing behind', async () => {
    const before = await handshakes();
    const executor = overSsh();
    await Promise.all(Array.from({ length: 5 }, (_, n) => executor.run(['echo', String(n)])));
    for (let n = 0; n < 5; n += 1) expect((await executor.run(['echo', String(n)])).stdout).toBe(`${n}\n`);
    const shell = await executor.rsyncShell();
    const socket = /ControlPath=([^']+)/.exec(shell ?? '')?.[1] ?? '';
    expect((await stat(join(socket, '..'))).mode & 0o777).toBe(0o700);
    const listing = await exec('rsync', ['-e', shell ?? '', '-s', '--list-only', ` :${folder}/`]);
    expect(listing.stdout).toMatch(/ \.\n/);
    expect((await handshakes()) - before).toBe(1);
    await executor.close();
    await expect(stat(join(socket, '..'))).rejects.toThrow('ENOENT');
  });

  it('clear away the socket of a run that was killed, and no socket that is in use', async () => {
    const leave = async (script: string) => {
      const directory = await mkdtemp(join(tmpdir(), 'barman-ssh-'));
      const listen = `require('node:net').createServer().listen(process.argv[1], () => { ${script} })`;
      return { directory, child: execFile(process.execPath, ['-e', listen, join(directory, 's')]) };
    };
    const dead = await leave("process.kill(process.pid, 'SIGKILL')");
    await new Promise((resolve) => dead.child.once('exit', resolve));
    const alive = await leave("console.log('listening')");
    await new Promise((resolve) => alive.child.stdout?.once('data', resolve));
    try {
      await overSsh().run(['true']);
      await expect(stat(dead.directory)).rejects.toThrow('ENOENT');
      expect(await readdir(alive.directory)).toEqual(['s']);
    } finally {
      alive.child.kill('SIGKILL');
      await rm(alive.directory, { recursive: true, force: true });
    }
  });

  it('leave a ControlPath of the user alone', async () => {
    const path = join(folder, 'users-own');
    const executor = overSsh(`${sshd.sshCommand} -o ControlPath=${path} pghost`);
    expect((await executor.run(['echo', 'hello'])).stdout).toBe('hello\n');
    expect(await executor.rsyncShell()).toContain(`'ControlPath=${path}'`);
    expect((await executor.rsyncShell())?.match(/ControlPath/g)).toHaveLength(1);
  });

  it('use an ssh that knows nothing of sharing as Barman does', async () => {
    const old = join(folder, 'old-ssh');
    const words = `for word; do case "$word" in -G) echo "unknown option -- G" >&2; exit 255;; *ControlMaster*) exit 255;; esac; done`;
    await writeFile(old, `#!/bin/sh\n${words}\nexec ${sshd.sshCommand} "$@"\n`, { mode: 0o755 });
    const executor = overSsh(`${old} pghost`);
    expect((await executor.run(['echo', 'hello'])).stdout).toBe('hello\n');
    expect(await executor.rsyncShell()).toBe(`${old} 'pghost' '-o' 'BatchMode=yes' '-o' 'StrictHostKeyChecking=no'`);
  });

  it('go on by themselves when the shared connection dies', async () => {
    const executor = overSsh();
    await executor.run(['true']);
    await sshd.stop();
    await sshd.start();
    expect((await executor.run(['echo', 'again'])).stdout).toBe('again\n');
  });
});

describe('ssh trouble', () => {
  it('a refused connection is exit code 255 with the words of ssh', async () => {
    const { code, stderr } = await overSsh(`${sshd.sshCommand} -p 1 pghost`).run(['true']);
    expect({ code, stderr }).toEqual({
      code: 255,
      stderr: 'ssh: connect to host 127.0.0.1 port 1: Connection refused\r\n',
    });
  });

  it('a changed host key is refused although an unknown host would be taken', async () => {
    const known = join(folder, 'known_hosts');
    const config = join(folder, 'trusting-config');
    const lines = (await readFile(sshd.configFile, 'utf8')).replace(/^ *StrictHostKeyChecking.*\n/m, '');
    await writeFile(config, lines.replace(/UserKnownHostsFile .*/, `UserKnownHostsFile ${known}`));
    expect((await overSsh(`ssh -F ${config} pghost`).run(['true'])).code).toBe(0);
    const stranger = join(folder, 'stranger');
    await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', stranger]);
    const key = (await readFile(`${stranger}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ');
    await writeFile(known, `[127.0.0.1]:${sshd.port} ${key}\n`);
    const { code, stderr } = await overSsh(`ssh -F ${config} pghost`).run(['true']);
    expect(code).toBe(255);
    expect(stderr).toContain('Host key verification failed.');
  });

  it('a program that is not there is a CommandError', async () => {
    await expect(overSsh('/nowhere/ssh pghost').run(['true'])).rejects.toThrow(
      "cannot start '/nowhere/ssh': No such file or directory",
    );
    await expect(overSsh('  ').run(['true'])).rejects.toThrow('is empty');
  });

  it('a peer that stalls is given up', async () => {
    const proxy = await startTcpProxy(sshd.port);
    proxy.fault = { kind: 'stall', afterBytes: 100_000, direction: 'to-client' };
    try {
      const alive = '-o ServerAliveInterval=1 -o ServerAliveCountMax=2';
      const executor = overSsh(`${sshd.sshCommand} -p ${proxy.port} ${alive} pghost`);
      expect((await executor.run(['true'])).code).toBe(0);
      expect((await executor.run(['sh', '-c', 'yes | head -c 10000000; sleep 600'])).code).toBe(255);
    } finally {
      await proxy.dispose();
    }
  });
});

describe('ssh2', () => {
  it('runs every command over one connection, without a program of its own', async () => {
    const before = (await sshd.log()).length;
    const executor = overSsh2();
    await Promise.all(Array.from({ length: 5 }, () => executor.run(['true'])));
    const children = await exec('ps', ['--ppid', String(process.pid), '-o', 'comm=']);
    expect(children.stdout.split('\n')).not.toContain('ssh');
    for (let n = 0; n < 5; n += 1) expect((await executor.run(['echo', String(n)])).stdout).toBe(`${n}\n`);
    expect((await sshd.log()).slice(before).match(/Accepted publickey/g)).toHaveLength(1);
  });

  it('carries rsync by OpenSSH', async () => {
    const shell = await overSsh2().rsyncShell();
    const listing = await exec('rsync', ['-e', shell ?? '', '-s', '--list-only', ` :${folder}/`]);
    expect(listing.stdout).toMatch(/ \.\n/);
  });

  it('leaves to OpenSSH what it cannot do: a proxy command, a program in front', async () => {
    const relay = join(folder, 'relay.mjs');
    const text = `const s = connect(${sshd.port}, '127.0.0.1'); process.stdin.pipe(s).pipe(process.stdout);`;
    await writeFile(relay, `import { connect } from 'node:net';\n${text}\n`);
    const proxy = `${sshd.sshCommand} -o 'ProxyCommand=${process.execPath} ${relay}' pghost`;
    for (const command of [proxy, `env ${sshd.sshCommand} pghost`]) {
      expect((await overSsh2(command).run(['echo', 'there'])).stdout).toBe('there\n');
    }
  });

  it('trusts no other host key than the known one', async () => {
    const known = join(folder, 'ssh2_known_hosts');
    const stranger = join(folder, 'ssh2_stranger');
    await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', stranger]);
    const key = (await readFile(`${stranger}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ');
    await writeFile(known, `[127.0.0.1]:${sshd.port} ${key}\n`);
    const { code, stderr } = await overSsh2(`${sshd.sshCommand} -o UserKnownHostsFile=${known} pghost`).run(['true']);
    expect(code).toBe(255);
    expect(stderr).toContain('Host key verification failed.');
  });

  it('a refused connection has the words of OpenSSH', async () => {
    const { code, stderr } = await overSsh2(`${sshd.sshCommand} -p 1 pghost`).run(['true']);
    expect({ code, stderr }).toEqual({
      code: 255,
      stderr: 'ssh: connect to host 127.0.0.1 port 1: Connection refused\r\n',
    });
  });

  it('a connection that dies ends its command with 255', async () => {
    const executor = overSsh2();
    await executor.run(['true']);
    const running = executor.run(['sleep', '600']);
    await sshd.stop();
    expect((await running).code).toBe(255);
    await sshd.start();
  });
});
