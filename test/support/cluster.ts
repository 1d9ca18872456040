/** A real PostgreSQL on a temporary folder and a free port. */
import { execFile, spawn } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findPostgres } from '../../scripts/prerequisites.mjs';
import { copyTemplate, settingLines } from './template-cluster.ts';

const exec = promisify(execFile);

export interface ClusterOptions {
  /** Lines for postgresql.conf; values are quoted. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly initdbArgs?: readonly string[];
}

export interface Cluster {
  readonly binDir: string;
  readonly dataDir: string;
  readonly port: number;
  /** Superuser `barman`. */
  readonly conninfo: string;
  /** Role `streaming_barman`, replication. */
  readonly streamingConninfo: string;
  /** Runs SQL as superuser postgres with psql -At and returns its output, trimmed. */
  sql(text: string): Promise<string>;
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its folder. */
  dispose(): Promise<void>;
}

/** The folder of PostgreSQL's programs. */
export function postgresBinDir(): string {
  const folder = findPostgres();
  if (folder === undefined) throw new Error('PostgreSQL is not installed: run the tests with "npm test"');
  return folder;
}

/** A TCP port that nothing listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** Makes and starts a cluster: trust on 127.0.0.1, wal_level replica, fsync off, roles barman and streaming_barman. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const binDir = postgresBinDir();
  const root = await mkdtemp(join(tmpdir(), 'barman-pg-'));
  const dataDir = join(root, 'data');
  const port = await freePort();
  await copyTemplate(binDir, options.initdbArgs ?? [], dataDir);
  const settings = { port: String(port), unix_socket_directories: root, ...options.settings };
  await appendFile(join(dataDir, 'postgresql.conf'), settingLines(settings));
  const cluster = clusterAt(binDir, dataDir, port, root);
  await cluster.start();
  return cluster;
}

/** Wraps an existing data directory (e.g. a restored one) as a cluster that listens on `port`; `root` is removed with it. */
export function clusterAt(binDir: string, dataDir: string, port: number, root: string): Cluster {
  const control = (...args: string[]) => runQuietly(join(binDir, 'pg_ctl'), ['-D', dataDir, '-w', '-t', '60', ...args]);
  return {
    binDir,
    dataDir,
    port,
    conninfo: `host=127.0.0.1 port=${port} user=barman dbname=postgres`,
    streamingConninfo: `host=127.0.0.1 port=${port} user=streaming_barman dbname=postgres`,
    sql: async (text) => {
      const args = [
        '-X',
        '-At',
        '-v',
        'ON_ERROR_STOP=1',
        '-h',
        '127.0.0.1',
        '-p',
        String(port),
        '-U',
        'postgres',
        '-d',
        'postgres',
        '-c',
        text,
      ];
      return (await exec(join(binDir, 'psql'), args, { maxBuffer: 1e9 })).stdout.trim();
    },
    stop: async (mode = 'fast') => control('stop', '-m', mode),
    start: async () =>
      control('start', '-o', `-p ${port} -k ${root} -c listen_addresses=127.0.0.1`, '-l', join(root, 'server.log')),
    dispose: async () => {
      await control('stop', '-m', 'immediate').catch(() => {});
      await rm(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
    },
  };
}

/** pg_ctl start leaves a server that would keep our pipes open: its output goes nowhere, its exit code is what counts. */
function runQuietly(command: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}`));
    });
  });
}

/** A folder on another filesystem than that of the temporary folders; the caller removes it. @throws when there is none */
export async function folderElsewhere(name: string): Promise<string> {
  const { dev } = await stat(tmpdir());
  for (const place of ['/dev/shm', '/var/tmp', '/tmp']) {
    const facts = await stat(place).catch(() => undefined);
    if (facts !== undefined && facts.dev !== dev) return mkdtemp(join(place, `barman-${name}-`));
  }
  throw new Error(`no second filesystem beside ${tmpdir()} was found`);
}

/** A temporary folder for a tablespace or a destination; the caller removes it. */
export async function temporaryFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `barman-${name}-`));
  await mkdir(folder, { recursive: true });
  return folder;
}
