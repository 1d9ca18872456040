/**
 * From what the files say of a server to a server in force: what Barman changes in it before use, and the reasons why it may
 * not be used. Done once for each configuration; what is said to come from the command line makes another one. Nothing is asked of the outside
 * world here. Source: docs/behaviour/config.md 7.
 */
import { conninfoProblem } from '../domain/conninfo.ts';
import { roleOf, type ServerRole } from '../domain/server-role.ts';
import { methodOf } from './methods.ts';
import { placeOf } from './origin.ts';
import { type LogMessage, overrideConfig, type ServerConfig } from './options.ts';

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
    const method = methodOf(config);
    const obstacle = method.obstacle(config);
    if (obstacle === null) {
      problems.push(...method.problems(config));
      backupOptions = method.options(config, warnings);
    } else {
      problems.push(obstacle);
    }
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

function usesDefaultStrategy(config: ServerConfig): boolean {
  const { backupOptions } = config;
  if (!methodOf(config).streams) return false;
  return !backupOptions.has('concurrent_backup') && !backupOptions.has('exclusive_backup');
}

function connectionProblems(config: ServerConfig): string[] {
  const problems = [...missingOrBad('PostgreSQL', 'conninfo', config.conninfo, config)];
  if (methodOf(config).streams || config.streamingArchiver) {
    problems.push(...missingOrBad('Streaming', 'streaming_conninfo', config.streamingConninfo, config));
  }
  return problems;
}

function missingOrBad(
  connection: string,
  option: 'conninfo' | 'streaming_conninfo',
  conninfo: string | null,
  { name, originOf }: ServerConfig,
): string[] {
  if (conninfo === null) return [`${connection} connection: Missing '${option}' parameter for server '${name}'`];
  const problem = conninfoProblem(conninfo);
  if (problem === null) return [];
  // Unset, streaming_conninfo is what conninfo says.
  const origin = originOf(option) ?? originOf('conninfo');
  const place = origin === undefined ? '' : ` (${placeOf(origin)})`;
  const remedy = problem.remedy === undefined ? '' : `; ${problem.remedy}`;
  return [
    `${connection} connection: Cannot connect to postgres: '${option}' is not a valid connection string${place}: ${problem.reason}${remedy}`,
  ];
}
