/** A server on temporary folders, opened by the real code from a real configuration; what it says is recorded. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLog } from '../../src/host/log.ts';
import { loadConfig, readMainFile } from '../../src/config/load.ts';
import { putInForce } from '../../src/config/in-force.ts';
import type { CommandContext } from '../../src/server/context.ts';
import { openServer } from '../../src/server/open.ts';
import type { ServerScope } from '../../src/server/scope.ts';
import type { Output } from '../../src/output/output.ts';

export interface WalServer {
  readonly root: string;
  readonly scope: ServerScope;
  /** `LEVEL: text` in order; news have no level. Emptied by `said()`. */
  said(): string[];
  /** The log file so far. */
  log(): Promise<string>;
  /** `<root>/home/pg/...`. */
  path(...parts: readonly string[]): string;
  /** Puts a file into `incoming` or `streaming`. */
  put(queue: 'incoming' | 'streaming', name: string, content: string | Uint8Array): Promise<void>;
  names(...parts: readonly string[]): Promise<string[]>;
  /** xlog.db by columns. */
  index(): Promise<string[][]>;
  abort(reason: string): void;
  dispose(): Promise<void>;
}

/** Server `pg` with archiver = on; nothing of PostgreSQL answers. */
export async function openWalServer(options = 'archiver = on'): Promise<WalServer> {
  const root = await mkdtemp(join(tmpdir(), 'barman-wal-'));
  const home = join(root, 'home');
  for (const name of ['incoming', 'streaming', 'wals', 'errors', 'meta', 'base']) {
    await mkdir(join(home, 'pg', name), { recursive: true });
  }
  const configFile = join(root, 'barman.conf');
  await writeFile(
    configFile,
    `[barman]\nbarman_user = nobody\nbarman_home = ${home}\nlog_file = ${root}/barman.log\nlog_level = DEBUG\n[pg]\nconninfo = host=127.0.0.1 port=1\nstreaming_conninfo = host=127.0.0.1 port=1\nslot_name = barman\nbackup_method = postgres\n${options}\n`,
  );
  const lines: string[] = [];
  const abort = new AbortController();
  const env = { ...process.env };
  const ctx: CommandContext = {
    configuration: loadConfig(readMainFile({ path: configFile, env })),
    output: recordingOutput(lines),
    log: openLog({ file: join(root, 'barman.log'), level: 10, redact: (text) => text }),
    now: () => new Date(),
    signal: abort.signal,
    env,
  };
  const config = ctx.configuration.servers.get('pg');
  if (config === undefined) throw new Error('no server pg');
  const scope = await openServer(ctx, putInForce(config), { offline: true });
  const path = (...parts: readonly string[]) => join(home, 'pg', ...parts);
  return {
    root,
    scope,
    said: () => lines.splice(0),
    log: () => readFile(join(root, 'barman.log'), 'utf8').catch(() => ''),
    path,
    put: (queue, name, content) => writeFile(path(queue, name), content),
    names: async (...parts) => (await readdir(path(...parts))).sort(),
    index: async () =>
      (await readFile(path('wals', 'pg-xlog.db'), 'utf8').catch(() => ''))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split('\t')),
    abort: (reason) => abort.abort(reason),
    dispose: async () => {
      await scope.close();
      await rm(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
    },
  };
}

function recordingOutput(lines: string[]): Output {
  const say = (level: string) => (text: string) => {
    lines.push(level === '' ? text : `${level}: ${text}`);
  };
  return {
    format: 'console',
    progress: { enabled: false, update: () => {}, clear: () => {} },
    debug: () => {},
    info: say(''),
    warning: say('WARNING'),
    error: say('ERROR'),
    hint: () => {},
    exception: say('EXCEPTION'),
    result: () => {},
    close: () => 0,
  };
}
