/** A unit test starts no process and opens no socket: one that does fails, whoever caught the error. */
import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { Server, Socket } from 'node:net';
import { afterEach } from 'vitest';

const forbidden: string[] = [];

function forbid(holder: object, name: string): void {
  Object.defineProperty(holder, name, {
    configurable: true,
    writable: true,
    value: (...args: readonly unknown[]) => {
      forbidden.push(`${name} ${describeFirst(args)}`);
      throw new Error(`a unit test calls ${name}: it belongs into test/integration, under the same path`);
    },
  });
}

function describeFirst([first]: readonly unknown[]): string {
  const args = (first as { args?: readonly string[] } | undefined)?.args;
  return args?.join(' ') ?? String(first);
}

// spawn, exec, execFile and fork go through the prototype.
forbid(childProcess.ChildProcess.prototype, 'spawn');
for (const name of ['spawnSync', 'execSync', 'execFileSync']) forbid(childProcess, name);
syncBuiltinESMExports();
forbid(Socket.prototype, 'connect');
forbid(Server.prototype, 'listen');

afterEach(() => {
  const seen = forbidden.splice(0);
  if (seen.length > 0) throw new Error(`a unit test starts processes or opens sockets: ${seen.join('; ')}`);
});
