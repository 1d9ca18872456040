/** Which pg_basebackup compression works with which programs. Source: docs/behaviour/config.md 7. */
import { type BaseBackupUse, CODECS } from '../domain/codecs.ts';
import { firstWith, has, type PostgresVersion } from '../domain/postgres-version.ts';
import { methodOf } from './methods.ts';
import type { ServerConfig } from './options.ts';

export interface CompressionVersions {
  /** Of pg_basebackup. */
  readonly client: PostgresVersion;
  readonly server: PostgresVersion;
}

/** Messages for the server's msg_list; none unless pg_basebackup is to use a backup_compression. */
export function backupCompressionProblems(config: ServerConfig, versions: CompressionVersions): string[] {
  if (!methodOf(config).streams || config.backupCompression === null) return [];
  return [...placeProblems(config, versions), ...algorithmProblems(config, versions)];
}

function placeProblems(config: ServerConfig, { client, server }: CompressionVersions): string[] {
  const { backupCompressionFormat: format, backupCompressionLocation: location } = config;
  const problems: string[] = [];
  if (location === 'server') {
    if (!has(client, 'basebackupCompressionMethods'))
      problems.push('backup_compression_location = server requires pg_basebackup 15 or greater');
    if (!has(server, 'serverCompression'))
      problems.push('backup_compression_location = server requires PostgreSQL 15 or greater');
  } else if (format === 'plain') {
    problems.push(
      `backup_compression_format plain is not compatible with backup_compression_location ${location ?? 'None'}`,
    );
  }
  return problems;
}

function algorithmProblems(config: ServerConfig, { client }: CompressionVersions): string[] {
  const { backupCompression: name, backupCompressionLevel: level, backupCompressionWorkers: workers } = config;
  if (name === null) return [];
  if (name === 'none') return noneProblems(config);
  const { needs, levels, hasWorkers }: BaseBackupUse = CODECS[name].baseBackup;
  const problems: string[] = [];
  if (needs !== null && !has(client, needs)) {
    problems.push(`backup_compression = ${name} requires pg_basebackup ${firstWith(needs)} or greater`);
  }
  // To compress nothing: a method of its own since there are methods.
  const takesZero = needs === null && !has(client, 'basebackupCompressionMethods');
  const isKnown = level === null || level === levels.usual || (level >= levels.min && level <= levels.max);
  if (!isKnown && !(takesZero && level === 0)) {
    problems.push(
      `backup_compression_level ${level} unsupported by compression algorithm. ${quoted(name)} expects a compression level between ${takesZero ? levels.usual : levels.min} and ${levels.max} (${levels.usual} will use default compression level).${name === 'gzip' && level === 0 ? ZERO_ADVICE : ''}`,
    );
  }
  if (workers !== null && !hasWorkers) {
    // compat 3.20.1: a full stop behind every name but gzip.
    const stop = name === 'gzip' ? '' : '.';
    problems.push(`backup_compression_workers is not compatible with compression ${name}${stop}`);
  } else if (workers !== null && workers < 0) {
    problems.push(`backup_compression_workers should be a positive integer: '${workers}' is invalid.`);
  }
  return problems;
}

const ZERO_ADVICE = '\nIf you need to create an archive not compressed, you should set `backup_compression = none`.';

/** compat 3.20.1: only one of the names has quotes. */
function quoted(name: string): string {
  return name === 'zstd' ? `'${name}'` : name;
}

function noneProblems(config: ServerConfig): string[] {
  const { backupCompressionLevel: level, backupCompressionWorkers: workers } = config;
  const problems: string[] = [];
  if (level !== null && level !== 0) problems.push('backup_compression none only supports backup_compression_level 0.');
  if (workers !== null) problems.push("backup_compression_workers is not compatible with compression 'none'.");
  return problems;
}
