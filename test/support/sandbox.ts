/** A barman_home of its own with a configuration, and the two programs to run on it. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Uint8Array;
  /** Kill it after this time, in milliseconds. */
  readonly limitMs?: number;
  /** Called with the pid once it runs. */
  readonly onStart?: (pid: number) => void;
  /** Leave out `-c FILE`. */
  readonly withoutConfig?: boolean;
}

export interface Sandbox {
  readonly root: string;
  /** barman_home. */
  readonly home: string;
  readonly configFile: string;
  readonly logFile: string;
  /** Writes the configuration: a [barman] section (plus `globalExtra` lines) and the given server sections. */
  writeConfig(serverSections: string, globalExtra?: string): Promise<void>;
  /** The [barman] section, for a further configuration file. */
  globalSection(extra?: string): string;
  /** Gives the server an index of one line, so that its check does not wait for a first WAL file. */
  listWal(server: string): Promise<void>;
  readonly programs: Readonly<Record<'barman' | 'reference', string>>;
  /** Our program. */
  barman(args: readonly string[], options?: ProgramOptions): Promise<ProgramResult>;
  /** The reference's program of the folder BARMAN_REFERENCE. */
  reference(args: readonly string[], options?: ProgramOptions): Promise<ProgramResult>;
  dispose(): Promise<void>;
}

/** Our launcher. */
export const barmanProgram = fileURLToPath(new URL('../../bin/barman', import.meta.url));

/** The folder of the reference's programs, or undefined. */
export const referenceFolder = process.env.BARMAN_REFERENCE || undefined;

/** Runs a program to its end; a signal counts as 128 + its number, as a shell says it. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: { ...process.env, TZ: 'UTC', ...options.env },
      stdio: 'pipe',
      timeout: options.limitMs,
      killSignal: options.limitMs === undefined ? 'SIGTERM' : 'SIGKILL',
    });
    if (child.pid !== undefined) options.onStart?.(child.pid);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve({
        code: code ?? (signal === 'SIGTERM' ? 143 : signal === 'SIGKILL' ? 137 : 128),
        stdout: Buffer.concat(stdout).toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
      });
    });
  });
}

export async function makeSandbox(): Promise<Sandbox> {
  const root = await mkdtemp(join(tmpdir(), 'box-'));
  const home = join(root, 'home');
  const configFile = join(root, 'barman.conf');
  const logFile = join(root, 'barman.log');
  await mkdir(home);
  const run = (program: string, args: readonly string[], options: ProgramOptions = {}) =>
    runProgram(program, options.withoutConfig ? args : ['-c', configFile, ...args], options);
  const globalSection = (extra = '') =>
    `[barman]\nbarman_user = ${userInfo().username}\nbarman_home = ${home}\nlog_file = ${logFile}\nlog_level = DEBUG\n${extra}`;
  const programs = { barman: barmanProgram, reference: join(referenceFolder ?? '', 'barman') };
  return {
    root,
    home,
    configFile,
    logFile,
    globalSection,
    writeConfig: (serverSections, globalExtra = '') =>
      writeFile(configFile, `${globalSection(globalExtra)}\n${serverSections}\n`),
    listWal: async (server) => {
      await mkdir(join(home, server, 'wals'), { recursive: true });
      const line = '000000010000000000000001\t16777216\t1795228535.19\tNone\tNone\n';
      await writeFile(join(home, server, 'wals', `${server}-xlog.db`), line);
    },
    programs,
    barman: (args, options) => run(programs.barman, args, options),
    reference: (args, options) => {
      if (referenceFolder === undefined) throw new Error('BARMAN_REFERENCE is not set');
      return run(programs.reference, args, options);
    },
    // A child in the background may still be writing its last file.
    dispose: () => rm(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 }),
  };
}

/** The configuration section of a streaming server for a cluster. */
export function streamingSection(
  name: string,
  cluster: { conninfo: string; streamingConninfo: string; binDir: string },
  extra = '',
): string {
  return [
    `[${name}]`,
    `conninfo = ${cluster.conninfo}`,
    `streaming_conninfo = ${cluster.streamingConninfo}`,
    'backup_method = postgres',
    'streaming_archiver = on',
    'slot_name = barman',
    'create_slot = auto',
    `path_prefix = ${cluster.binDir}`,
    extra,
    '',
  ].join('\n');
}
