/**
 * What an rsync backup copies, in which order, and what it leaves out. Source: docs/behaviour/backup.md 5.2 and 5.3.
 */
import { posix } from 'node:path';
import type { ClusterFacts } from '../../postgres/connections.ts';
import { shareOfLimit } from '../../transfer/lanes.ts';
import { majorText } from '../../domain/postgres-version.ts';
import type { BackupInfo } from '../../domain/backup/backup-info.ts';
import type { Tablespace } from '../../domain/backup/backup-info-values.ts';

export interface DirectoryItem {
  readonly label: string;
  /** For the log. */
  readonly title: string;
  /** Ends with a slash. */
  readonly source: string;
  /** Below `base/<id>`: `data`, or an oid. */
  readonly target: string;
  /** --include and --exclude of rsync, in order. */
  readonly filters: readonly string[];
  /** True when the earlier backup has a copy of this directory under the same name. */
  readonly reusable: boolean;
  /** kB/s; null for no limit. */
  readonly bandwidth: number | null;
}

export interface FileItem {
  readonly label: string;
  readonly title: string;
  readonly source: string;
  /** Below `base/<id>`. */
  readonly target: string;
  /** May be missing over there. */
  readonly optional: boolean;
}

/** What PostgreSQL makes anew at its start, or must not find. */
const NEVER = [
  'pgsql_tmp*',
  'postgresql.auto.conf.tmp',
  'current_logfiles.tmp',
  'pg_internal.init',
  'postmaster.pid',
  'postmaster.opts',
  'recovery.conf',
  'standby.signal',
  // Temporary relations.
  '**/[0-9]*/t[0-9]*_[0-9]*',
  'pg_dynshmem/*',
  'pg_notify/*',
  'pg_replslot/*',
  'pg_serial/*',
  'pg_stat_tmp/*',
  'pg_snapshots/*',
  'pg_subtrans/*',
];
/** Logs and WAL; pg_control comes last; a manifest tells of the backup that the cluster was made from. */
const NEVER_OF_PGDATA = ['/pg_log/*', '/log/*', '/pg_xlog/*', '/pg_wal/*', '/global/pg_control', '/backup_manifest'];

export interface ItemOptions {
  readonly bandwidth: number | null;
  readonly tablespaceBandwidth: ReadonlyMap<string, number> | null;
  /** The backup whose unchanged files are used again. */
  readonly previous: BackupInfo | undefined;
  /** How many jobs share a bandwidth limit. */
  readonly jobs: number;
}

/** Tablespaces outside of PGDATA: one with a relative location lies in pg_tblspc itself. */
export function ownTablespaces(facts: ClusterFacts): readonly Tablespace[] {
  return facts.tablespaces.filter(({ location }) => location.startsWith('/'));
}

/** The tablespaces, then PGDATA. */
export function directoryItems(facts: ClusterFacts, options: ItemOptions): DirectoryItem[] {
  const share = (limit: number | null) => shareOfLimit(limit, options.jobs);
  const known = new Set(options.previous?.tablespaces?.map(({ oid }) => oid));
  const excluded = (patterns: readonly string[]) => patterns.map((pattern) => `--exclude=${pattern}`);
  const tablespaces = ownTablespaces(facts).map(({ name, oid, location }): DirectoryItem => ({
    label: name,
    title: `tablespace '${name}' directory: ${location}/`,
    source: `${location}/`,
    target: String(oid),
    filters: [`--include=/PG_${majorText(facts.version)}_*`, '--exclude=/*', ...excluded(NEVER)],
    reusable: known.has(oid),
    bandwidth: share(options.tablespaceBandwidth?.get(name) ?? options.bandwidth),
  }));
  const pgdata: DirectoryItem = {
    label: 'pgdata',
    title: `PGDATA directory: ${facts.pgdata}/`,
    source: `${facts.pgdata}/`,
    target: 'data',
    filters: [...inPlace(facts), ...excluded([...insidePgdata(facts), ...NEVER_OF_PGDATA, ...NEVER])],
    reusable: options.previous !== undefined,
    bandwidth: share(options.bandwidth),
  };
  return [...tablespaces, pgdata];
}

/** A tablespace without a location of its own is a directory in pg_tblspc; everything else there is a link. */
function inPlace(facts: ClusterFacts): string[] {
  const own = new Set(ownTablespaces(facts));
  return facts.tablespaces.filter((space) => !own.has(space)).map(({ oid }) => `--include=/pg_tblspc/${oid}`);
}

function insidePgdata(facts: ClusterFacts): string[] {
  const nested = ownTablespaces(facts)
    .map(({ location }) => posix.relative(facts.pgdata, location))
    .filter((path) => path !== '' && !path.startsWith('..'));
  return [...nested.map((path) => `/${escapePattern(path)}`), '/pg_tblspc/*'];
}

/** A path as a pattern of rsync that matches only itself. */
function escapePattern(path: string): string {
  return /[*?[]/.test(path) ? path.replace(/[\\*?[]/g, '\\$&') : path;
}

/** Configuration files outside of PGDATA; they go into `data` under their own names. */
export function configurationItems(facts: ClusterFacts): FileItem[] {
  const files = { config_file: facts.configFile, hba_file: facts.hbaFile, ident_file: facts.identFile };
  return Object.entries(files).flatMap(([label, path]) =>
    path === null || path.startsWith(facts.pgdata)
      ? []
      : [
          {
            label,
            title: `${label}: ${path}`,
            source: path,
            target: posix.join('data', posix.basename(path)),
            optional: label === 'ident_file',
          },
        ],
  );
}

/** Always last: a copy without it does not start. */
export function controlItem(facts: ClusterFacts): FileItem {
  const source = `${facts.pgdata}/global/pg_control`;
  return {
    label: 'pg_control',
    title: `pg_control file: ${source}`,
    source,
    target: 'data/global/pg_control',
    optional: false,
  };
}

/** Files that an include directive names outside of PGDATA: nobody copies them. */
export function outsideIncludes(facts: ClusterFacts): string[] {
  return facts.includedFiles.filter((path) => !path.startsWith(facts.pgdata));
}
