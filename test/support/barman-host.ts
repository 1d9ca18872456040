/** A Barman host that is reached through a real sshd, and the client programs of either make that talk to it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  barmanProgram,
  makeSandbox,
  type ProgramOptions,
  type ProgramResult,
  referenceFolder,
  runProgram,
  type Sandbox,
} from './sandbox.ts';
import { type Sshd, type SshdOptions, startSshd } from './sshd.ts';

export type Client = 'barman-wal-archive' | 'barman-wal-restore';

export interface BarmanHost {
  readonly box: Sandbox;
  readonly sshd: Sshd;
  /** `home/pg/...` on the Barman host. */
  path(...parts: readonly string[]): string;
  /** A folder on the database host. */
  readonly local: string;
  /** Our client, with `-U USER`. */
  client(name: Client, args: readonly string[], options?: ProgramOptions): Promise<ProgramResult>;
  /** The reference's client. */
  referenceClient(name: Client, args: readonly string[], options?: ProgramOptions): Promise<ProgramResult>;
  /** Who answers to `barman` there; `before` is a line of shell that runs first. */
  answerWith(program: 'ours' | 'reference', before?: string): Promise<void>;
  dispose(): Promise<void>;
}

/** The path of one of our client programs. */
export function clientProgram(name: Client): string {
  return fileURLToPath(new URL(`../../dist/standalone/${name}`, import.meta.url));
}

/** Server `pg` with its folders. */
export async function startBarmanHost(options: SshdOptions = {}): Promise<BarmanHost> {
  const box = await makeSandbox();
  const sshd = await startSshd(options);
  const path = (...parts: readonly string[]) => join(box.home, 'pg', ...parts);
  const local = join(box.root, 'db');
  await mkdir(local, { mode: 0o700 });
  for (const name of ['incoming', 'streaming', 'wals', 'errors', 'meta', 'base']) {
    await mkdir(path(name), { recursive: true });
  }
  await box.writeConfig(
    '[pg]\nconninfo = host=127.0.0.1 port=1\nstreaming_conninfo = host=127.0.0.1 port=1\nbackup_method = postgres\narchiver = on\n',
  );
  const run = (program: string, args: readonly string[], { env, ...rest }: ProgramOptions = {}) =>
    runProgram(program, ['-U', sshd.user, ...args], { ...rest, env: { PATH: sshd.env.PATH, TMPDIR: local, ...env } });
  const host: BarmanHost = {
    box,
    sshd,
    path,
    local,
    client: (name, args, more) => run(clientProgram(name), args, more),
    referenceClient: (name, args, more) => {
      if (referenceFolder === undefined) throw new Error('BARMAN_REFERENCE is not set');
      return run(join(referenceFolder, name), args, more);
    },
    answerWith: async (program, before = '') => {
      const command =
        program === 'ours' ? `${process.execPath} ${barmanProgram}` : join(referenceFolder ?? '', 'barman');
      await sshd.addRemote('barman', `#!/bin/sh\n${before}\nexec ${command} -c ${box.configFile} "$@"\n`);
    },
    dispose: async () => {
      await sshd.dispose();
      await box.dispose();
    },
  };
  await host.answerWith('ours');
  return host;
}

/** identity.json of the server, as the first backup writes it. */
export function writeIdentity(host: BarmanHost, systemId: string): Promise<void> {
  return writeFile(host.path('identity.json'), `{"systemid": "${systemId}", "version": "15"}`);
}
