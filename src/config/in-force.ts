/**
 * From what the files say of a server to a server in force: what Barman changes in it before use, and the reasons why it may
 * not be used. Done once for each configuration; what is said to come from the command line makes another one. Nothing is asked of the outside
 * world here. Source: docs/behaviour/config.md 7.
 */
import { conninfoProblem } from '../domain/conninfo.ts';
import { roleOf, type ServerRole } from '../domain/server-role.ts';
import { type BackupOption, type LogMessage, overrideConfig, type ServerConfig } from './options.ts';
import { snapshotProblems } from './validate-snapshot.ts';

export interface ServerInForce {
  readonly name: string;
  /** With forced values (archiver, backup_options) and `disabled` set when there are problems. */
  readonly config: ServerConfig;
  readonly role: ServerRole;
  /** Barman's msg_list: any makes the server disabled. */
  readonly problems: readonly string[];
  /** To be printed before anything else about the server. */
  readonly warnings: readonly string[];
  readonly debugMessages: readonly string[];
  readonly logMessages: readonly LogMessage[];
}

/** Judges a server and puts it in force. */
export function putInForce(config: ServerConfig): ServerInForce {
  const problems = [...config.problems];
  const warnings: string[] = [];
  let { archiver, backupOptions } = config;
  const role = roleOf(config);
  if (role.isPassive && config.primarySshCommand?.trim() === '') {
    problems.push(`Invalid primary_ssh_command in barman configuration for server ${config.name}`);
  }
  if (role.asksPostgres) {
    problems.push(...connectionProblems(config));
    const method = judgeMethod(config, warnings);
    problems.push(...method.problems);
    backupOptions = method.backupOptions;
    if (!config.archiver && !config.streamingArchiver) {
      warnings.push(
        `No archiver enabled for server '${config.name}'. Please turn on 'archiver', 'streaming_archiver' or both`,
        "Forcing 'archiver = on'",
      );
      archiver = true;
    }
    if (!archiver && config.slotName === null) {
      problems.push(
        "Streaming-only archiver requires 'streaming_conninfo' and 'slot_name' options to be properly configured",
      );
    }
  }
  return {
    name: config.name,
    config: { ...config, archiver, backupOptions, disabled: problems.length > 0 },
    role,
    problems,
    warnings,
    debugMessages:
      role.asksPostgres && usesDefaultStrategy(config)
        ? ['The default backup strategy for postgres backup_method is: concurrent_backup']
        : [],
    logMessages: config.logMessages,
  };
}

/** The server with other values for the time of one command. */
export function overrideServer({ config }: ServerInForce, changes: Partial<ServerConfig>): ServerInForce {
  return putInForce(overrideConfig(config, changes));
}

function usesDefaultStrategy({ backupMethod, backupOptions }: ServerConfig): boolean {
  if (backupMethod !== 'postgres') return false;
  return !backupOptions.has('concurrent_backup') && !backupOptions.has('exclusive_backup');
}

function connectionProblems(config: ServerConfig): string[] {
  const problems = [...missingOrBad('PostgreSQL', 'conninfo', config.conninfo, config.name)];
  if (config.backupMethod === 'postgres' || config.streamingArchiver) {
    problems.push(...missingOrBad('Streaming', 'streaming_conninfo', config.streamingConninfo, config.name));
  }
  return problems;
}

function missingOrBad(connection: string, option: string, conninfo: string | null, server: string): string[] {
  if (conninfo === null) return [`${connection} connection: Missing '${option}' parameter for server '${server}'`];
  const problem = conninfoProblem(conninfo);
  return problem === null ? [] : [`${connection} connection: Cannot connect to postgres: ${problem}`];
}

interface MethodVerdict {
  readonly problems: readonly string[];
  readonly backupOptions: ReadonlySet<BackupOption>;
}

function judgeMethod(config: ServerConfig, warnings: string[]): MethodVerdict {
  const { backupMethod, backupOptions, name, sshCommand } = config;
  const hasSsh = sshCommand !== null && sshCommand.trim() !== '';
  // Without a way to reach the data nothing else about the method is worth saying, and no strategy is chosen.
  if ((backupMethod === 'rsync' || backupMethod === 'snapshot') && !hasSsh) {
    return { problems: [`Missing or invalid ssh_command in barman configuration for server ${name}`], backupOptions };
  }
  if (backupMethod === 'local-rsync' && sshCommand !== null) {
    const problem = `Local copy requires ssh_command in barman configuration to be empty for server ${name}`;
    return { problems: [problem], backupOptions };
  }
  switch (backupMethod) {
    case 'postgres':
      return { problems: postgresProblems(config), backupOptions: withConcurrentOnly(backupOptions, warnings) };
    case 'snapshot':
      return { problems: snapshotProblems(config), backupOptions: withStrategy(config, warnings) };
    case 'rsync':
    case 'local-rsync':
      return { problems: rsyncProblems(config), backupOptions: withStrategy(config, warnings) };
    default:
      return { problems: [], backupOptions };
  }
}

function withStrategy({ name, backupOptions }: ServerConfig, warnings: string[]): ReadonlySet<BackupOption> {
  if (backupOptions.has('concurrent_backup') || backupOptions.has('exclusive_backup')) return backupOptions;
  warnings.push(`No backup strategy set for server '${name}' (using default 'concurrent_backup').`);
  return new Set([...backupOptions, 'concurrent_backup']);
}

function withConcurrentOnly(options: ReadonlySet<BackupOption>, warnings: string[]): ReadonlySet<BackupOption> {
  if (options.has('exclusive_backup')) {
    warnings.push(
      "'exclusive_backup' is not a valid backup_option using postgres backup_method. Overriding with 'concurrent_backup'.",
    );
  }
  return new Set([...[...options].filter((option) => option !== 'exclusive_backup'), 'concurrent_backup']);
}

function rsyncProblems(config: ServerConfig): string[] {
  if (config.backupCompression === null) return [];
  return ['backup_compression option is not supported by rsync backup_method'];
}

function postgresProblems(config: ServerConfig): string[] {
  const unsupported: string[] = [];
  if (config.tablespaceBandwidthLimit !== null) unsupported.push('tablespace_bandwidth_limit');
  if (config.reuseBackup === 'copy' || config.reuseBackup === 'link') unsupported.push('reuse_backup');
  if (config.networkCompression) unsupported.push('network_compression');
  return unsupported.map((option) => `${option} option is not supported by postgres backup_method`);
}
