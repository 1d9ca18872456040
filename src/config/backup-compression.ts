/** Which pg_basebackup compression works with which programs. Source: docs/behaviour/config.md 7. */
import { has, type PostgresVersion } from '../domain/postgres-version.ts';
import type { ServerConfig } from './options.ts';

export interface CompressionVersions {
  /** Of pg_basebackup. */
  readonly client: PostgresVersion;
  readonly server: PostgresVersion;
}

/** Messages for the server's msg_list; none unless backup_method = postgres with a backup_compression. */
export function backupCompressionProblems(config: ServerConfig, versions: CompressionVersions): string[] {
  if (config.backupMethod !== 'postgres' || config.backupCompression === null) return [];
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

function algorithmProblems(config: ServerConfig, versions: CompressionVersions): string[] {
  switch (config.backupCompression) {
    case 'gzip':
      return gzipProblems(config, versions);
    case 'lz4':
      return lz4Problems(config, versions);
    case 'zstd':
      return zstdProblems(config, versions);
    case 'none':
      return noneProblems(config);
    default:
      return [];
  }
}

function gzipProblems(config: ServerConfig, { client }: CompressionVersions): string[] {
  const { backupCompressionLevel: level, backupCompressionWorkers: workers } = config;
  const problems: string[] = [];
  const refusesZero = has(client, 'basebackupCompressionMethods');
  if (level !== null && level !== -1 && (level < (refusesZero ? 1 : 0) || level > 9)) {
    const range = refusesZero ? '1 and 9' : '-1 and 9';
    const advice =
      level === 0
        ? '\nIf you need to create an archive not compressed, you should set `backup_compression = none`.'
        : '';
    problems.push(
      `backup_compression_level ${level} unsupported by compression algorithm. gzip expects a compression level between ${range} (-1 will use default compression level).${advice}`,
    );
  }
  if (workers !== null) problems.push('backup_compression_workers is not compatible with compression gzip');
  return problems;
}

function lz4Problems(config: ServerConfig, { client }: CompressionVersions): string[] {
  const { backupCompressionLevel: level, backupCompressionWorkers: workers } = config;
  const problems: string[] = [];
  if (!has(client, 'basebackupCompressionMethods'))
    problems.push('backup_compression = lz4 requires pg_basebackup 15 or greater');
  if (level !== null && (level < 0 || level > 12)) {
    problems.push(
      `backup_compression_level ${level} unsupported by compression algorithm. lz4 expects a compression level between 1 and 12 (0 will use default compression level).`,
    );
  }
  if (workers !== null) problems.push('backup_compression_workers is not compatible with compression lz4.');
  return problems;
}

function zstdProblems(config: ServerConfig, { client }: CompressionVersions): string[] {
  const { backupCompressionLevel: level, backupCompressionWorkers: workers } = config;
  const problems: string[] = [];
  if (!has(client, 'basebackupCompressionMethods'))
    problems.push('backup_compression = zstd requires pg_basebackup 15 or greater');
  if (level !== null && (level < -131_072 || level > 22)) {
    problems.push(
      `backup_compression_level ${level} unsupported by compression algorithm. 'zstd' expects a compression level between -131072 and 22 (3 will use default compression level).`,
    );
  }
  if (workers !== null && workers < 0) {
    problems.push(`backup_compression_workers should be a positive integer: '${workers}' is invalid.`);
  }
  return problems;
}

function noneProblems(config: ServerConfig): string[] {
  const { backupCompressionLevel: level, backupCompressionWorkers: workers } = config;
  const problems: string[] = [];
  if (level !== null && level !== 0) problems.push('backup_compression none only supports backup_compression_level 0.');
  if (workers !== null) problems.push("backup_compression_workers is not compatible with compression 'none'.");
  return problems;
}
