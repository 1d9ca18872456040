/** A cluster that pushes its WAL into a sandbox's `incoming` folder, so that backups settle without a running receiver. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cluster, startCluster } from './cluster.ts';
import { barmanProgram, makeSandbox, type Sandbox } from './sandbox.ts';

export interface ArchivingServer {
  readonly box: Sandbox;
  readonly cluster: Cluster;
  /** `[name]` with archiver = on and backup_method = postgres; the folders of a second name stay without WAL. */
  section(extra?: string, name?: string): string;
  /** `home/pg/...`. */
  path(...parts: readonly string[]): string;
  /** The texts of a record by key. */
  record(backupId: string, name?: string): Promise<Readonly<Record<string, string>>>;
  dispose(): Promise<void>;
}

/** Server `pg`, configured and checked once, so that its folders are there and WAL arrives. */
export async function startArchivingServer(settings: Readonly<Record<string, string>> = {}): Promise<ArchivingServer> {
  const box = await makeSandbox();
  const incoming = join(box.home, 'pg', 'incoming');
  // Before PostgreSQL is up: after three failures its archiver rests for a minute.
  await mkdir(incoming, { recursive: true });
  const cluster = await startCluster({
    settings: {
      archive_mode: 'on',
      archive_command: `test ! -f ${incoming}/%f && cp %p ${incoming}/%f.tmp && mv ${incoming}/%f.tmp ${incoming}/%f`,
      ...settings,
    },
  });
  const section = (extra = '', name = 'pg') =>
    [
      `[${name}]`,
      `conninfo = ${cluster.conninfo}`,
      `streaming_conninfo = ${cluster.streamingConninfo}`,
      'backup_method = postgres',
      'archiver = on',
      'immediate_checkpoint = true',
      `path_prefix = ${cluster.binDir}`,
      extra,
      '',
    ].join('\n');
  const path = (...parts: readonly string[]) => join(box.home, 'pg', ...parts);
  await box.writeConfig(section());
  const check = await box.barman(['check', 'pg']);
  const dispose = async () => {
    await cluster.dispose();
    await box.dispose();
  };
  if (check.code !== 0) {
    await dispose();
    throw new Error(`the server is not ready:\n${check.stdout}${check.stderr}`);
  }
  return {
    box,
    cluster,
    section,
    path,
    record: async (backupId, name = 'pg') => {
      const text = await readFile(join(box.home, name, 'meta', `${backupId}-backup.info`), 'utf8');
      return Object.fromEntries(
        text
          .trimEnd()
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      );
    },
    dispose,
  };
}

export interface Running {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly end: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** Starts our program and hands it over while it runs. */
export function startBarman(box: Sandbox, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, [barmanProgram, '-c', box.configFile, ...args], {
    env: { ...process.env, TZ: 'UTC', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const end = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return { child, stdout: () => stdout, stderr: () => stderr, end };
}

/** Times, ids, sizes and positions replaced, so that whole outputs can be compared. */
export function normalised(text: string, root: string): string {
  return text
    .replaceAll(root, 'ROOT')
    .replace(/\b\d{8}T\d{6}\b/g, 'ID')
    .replace(/\b[0-9A-F]{24}\b/g, 'WAL')
    .replace(/\b[0-9A-F]{8}\)/g, 'OFFSET)')
    .replace(/\b[0-9A-F]+\/[0-9A-F]+\b/g, 'LSN')
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}/g, 'TIME')
    .replace(/time: (less than one second|\d+ seconds?)/g, 'time: DURATION')
    .replace(/\d+\.\d [KMG]iB/g, 'SIZE');
}
