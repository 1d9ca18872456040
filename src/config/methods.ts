/**
 * The backup methods, one row each: what is written to backup.info, what the configuration must and must not say, what
 * check looks at and what the method can do. Plain data and pure rules: the body of a method is loaded by backup/methods.ts.
 * Source: docs/behaviour/config.md 7.
 */
import type { BackupMethod, BackupOption, OptionName, ServerConfig } from './options.ts';
import { notSupported } from './not-supported.ts';
import { snapshotProblems } from './validate-snapshot.ts';

/** What `check` looks at for a method, in the order of the row. */
export type MethodNeed = 'pg_basebackup' | 'ssh' | 'local PGDATA' | 'strategy';

export interface MethodRules {
  /** As recorded in backup.info; null for a method of Barman that this release does not have. */
  readonly mode: string | null;
  /** The data comes over the replication connection, by pg_basebackup, which also writes a manifest. */
  readonly streams: boolean;
  readonly needs: readonly MethodNeed[];
  /** Why the data cannot be reached; nothing else about the method is worth saying then. */
  readonly obstacle: (config: ServerConfig) => string | null;
  /** Options that do not go with it. */
  readonly problems: (config: ServerConfig) => readonly string[];
  /** backup_options as they will be used; what is said about them goes to `warnings`. */
  readonly options: (config: ServerConfig, warnings: string[]) => ReadonlySet<BackupOption>;
  /** Its backups can build on an earlier one, be encrypted, go to object storage. */
  readonly can: { readonly incremental: boolean; readonly encryption: boolean; readonly objects: boolean };
}

const CAN_NOTHING = { incremental: false, encryption: false, objects: false };

export const METHODS: Readonly<Record<BackupMethod, MethodRules>> = {
  postgres: {
    mode: 'postgres',
    streams: true,
    needs: ['pg_basebackup'],
    obstacle: () => null,
    problems: postgresProblems,
    options: concurrentOnly,
    can: { incremental: true, encryption: true, objects: true },
  },
  rsync: {
    mode: 'rsync-concurrent',
    streams: false,
    needs: ['ssh', 'strategy'],
    obstacle: withoutSsh,
    problems: rsyncProblems,
    options: withStrategy,
    can: CAN_NOTHING,
  },
  'local-rsync': {
    mode: 'rsync-concurrent',
    streams: false,
    needs: ['local PGDATA', 'strategy'],
    obstacle: withNeedlessSsh,
    problems: rsyncProblems,
    options: withStrategy,
    can: CAN_NOTHING,
  },
  snapshot: {
    mode: null,
    streams: false,
    needs: ['ssh', 'strategy'],
    obstacle: withoutSsh,
    problems: snapshotProblems,
    options: withStrategy,
    can: CAN_NOTHING,
  },
  'local-to-cloud': {
    mode: null,
    streams: false,
    needs: [],
    obstacle: () => null,
    problems: () => [],
    options: ({ backupOptions }) => backupOptions,
    can: { ...CAN_NOTHING, objects: true },
  },
};

export function methodOf({ backupMethod }: Pick<ServerConfig, 'backupMethod'>): MethodRules {
  return METHODS[backupMethod];
}

function withoutSsh({ name, sshCommand }: ServerConfig): string | null {
  if (sshCommand !== null && sshCommand.trim() !== '') return null;
  return `Missing or invalid ssh_command in barman configuration for server ${name}`;
}

function withNeedlessSsh({ name, sshCommand }: ServerConfig): string | null {
  if (sshCommand === null) return null;
  return `Local copy requires ssh_command in barman configuration to be empty for server ${name}`;
}

function rsyncProblems(config: ServerConfig): readonly string[] {
  if (config.backupCompression === null) return [];
  return [notSupported('backup_compression', 'rsync', config)];
}

function postgresProblems(config: ServerConfig): readonly string[] {
  const unsupported: OptionName[] = [];
  if (config.tablespaceBandwidthLimit !== null) unsupported.push('tablespace_bandwidth_limit');
  if (config.reuseBackup === 'copy' || config.reuseBackup === 'link') unsupported.push('reuse_backup');
  if (config.networkCompression) unsupported.push('network_compression');
  return unsupported.map((option) => notSupported(option, 'postgres', config));
}

function withStrategy({ name, backupOptions }: ServerConfig, warnings: string[]): ReadonlySet<BackupOption> {
  if (backupOptions.has('concurrent_backup') || backupOptions.has('exclusive_backup')) return backupOptions;
  warnings.push(`No backup strategy set for server '${name}' (using default 'concurrent_backup').`);
  return new Set([...backupOptions, 'concurrent_backup']);
}

function concurrentOnly({ backupOptions }: ServerConfig, warnings: string[]): ReadonlySet<BackupOption> {
  if (backupOptions.has('exclusive_backup')) {
    warnings.push(
      "'exclusive_backup' is not a valid backup_option using postgres backup_method. Overriding with 'concurrent_backup'.",
    );
  }
  return new Set([...[...backupOptions].filter((option) => option !== 'exclusive_backup'), 'concurrent_backup']);
}
