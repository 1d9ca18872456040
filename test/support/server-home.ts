/** A barman_home with one server, `pg`, in a temporary folder. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { openCatalog } from '../../src/catalog/open.ts';
import type { GlobalConfig, ServerConfig } from '../../src/config/options.ts';
import type { WalRecord } from '../../src/domain/wal/xlogdb.ts';
import { parseLocation } from '../../src/domain/location.ts';

export interface TestHome {
  readonly root: string;
  readonly catalog: Catalog;
  /** What the catalog said to the administrator. */
  readonly warnings: string[];
  readonly log: string[];
  /** Path below the server's directory. */
  path(...parts: string[]): string;
  read(...parts: string[]): string;
  write(name: string, content: string | Uint8Array): string;
  has(...parts: string[]): boolean;
  /** Puts a file of the archive in its place and returns its record. */
  archive(name: string, content?: string | Uint8Array): WalRecord;
  /** Another view of the same home, as another process has it. */
  open(changes?: Partial<ServerConfig>): Catalog;
  dispose(): void;
}

/** Modification time of every archived file, seconds. */
export const WAL_TIME = 1_795_228_542.5;

export function makeHome(root = mkdtempSync(join(tmpdir(), 'barman-catalog-')), server = 'pg'): TestHome {
  const warnings: string[] = [];
  const log: string[] = [];
  const path = (...parts: string[]) => join(root, server, ...parts);
  const open = (changes: Partial<ServerConfig> = {}) =>
    openCatalog(
      { barmanHome: root, barmanLockDirectory: root } as GlobalConfig,
      { ...serverConfig(root, server), ...changes } as ServerConfig,
      () => new Date(),
      { warning: (text) => warnings.push(text), log: (text) => log.push(text) },
    );
  const write = (name: string, content: string | Uint8Array) => {
    mkdirSync(dirname(path(name)), { recursive: true });
    writeFileSync(path(name), content);
    return path(name);
  };
  return {
    root,
    catalog: open(),
    warnings,
    log,
    path,
    open,
    write,
    read: (...parts) => readFileSync(path(...parts), 'utf8'),
    has: (...parts) => existsSync(path(...parts)),
    archive: (name, content = 'wal') => {
      const directory = name.endsWith('.history') ? 'wals' : `wals/${name.slice(0, 16)}`;
      utimesSync(write(`${directory}/${name}`, content), WAL_TIME, WAL_TIME);
      return { name, size: Buffer.byteLength(content), time: WAL_TIME, compression: null, encryption: null };
    },
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}

function serverConfig(root: string, server: string): Partial<ServerConfig> {
  const directory = join(root, server);
  return {
    name: server,
    backupDirectory: directory,
    basebackupsDirectory: parseLocation(join(directory, 'base')),
    errorsDirectory: join(directory, 'errors'),
    incomingWalsDirectory: join(directory, 'incoming'),
    streamingWalsDirectory: join(directory, 'streaming'),
    walsDirectory: parseLocation(join(directory, 'wals')),
    xlogdbDirectory: parseLocation(join(directory, 'wals')),
    compression: null,
    customCompressionMagic: null,
  };
}

/** A copy of a server of test/fixtures. */
export function copyFixture(home: TestHome, name: string): void {
  cpSync(fixture(name), home.path(), { recursive: true });
}

export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}
