/**
 * From a server's configuration to a server at work. Nothing is connected and pg is not loaded here, except for the two
 * tests that need an answer of PostgreSQL and only where they are configured. Source: docs/behaviour/config.md 7 and 8.
 */
import { codecSettings } from '../codec/settings.ts';
import type { SshExecutor } from '../host/executor/openssh.ts';
import type { PostgresConnection, PostgresOptions, StreamingConnection } from '../postgres/connections.ts';
import { openPostgres } from '../postgres/sql-connection.ts';
import { openStreaming } from '../postgres/streaming-connection.ts';
import { searchPath } from '../host/process/search-path.ts';
import { openCatalog } from '../catalog/open.ts';
import { methodOf } from '../config/methods.ts';
import { backupCompressionProblems } from '../config/backup-compression.ts';
import type { ServerInForce } from '../config/in-force.ts';
import { conninfoProblem } from '../domain/conninfo.ts';
import { PostgresError } from '../domain/errors.ts';
import { hostCommand } from '../domain/server-role.ts';
import { findClientProgram } from '../postgres/client-programs.ts';
import type { CommandContext } from './context.ts';
import type { OpenOptions, ServerScope } from './scope.ts';
import type { ServerStatus } from './server-status.ts';

/** How long a conninfo may take to say whether it is a standby before the answer is taken to be missing, ms. */
const STANDBY_PATIENCE = 5_000;

/** Opens a server. Prefer withServer, which also closes it. */
export async function openServer(
  ctx: CommandContext,
  server: ServerInForce,
  options: OpenOptions = {},
): Promise<ServerScope> {
  const { config } = server;
  const connections = makeConnections(ctx, server);
  const path = searchPath(config.pathPrefix, ctx.env);
  const programEnv = { ...ctx.env, PATH: path };
  let host: Promise<SshExecutor> | undefined;
  let status: Promise<ServerStatus> | undefined;
  const scope: ServerScope = {
    ...ctx,
    ...server,
    catalog: openCatalog(
      ctx.configuration.global,
      config,
      ctx.now,
      {
        warning: (text) => ctx.output.warning(text),
        log: (text) => ctx.log.named('barman.server').info(text),
      },
      { readOnly: options.readOnly === true },
    ),
    ...connections,
    status: () => (status ??= askStatus(scope)),
    remoteHost: () => (host ??= openSshHost(scope)),
    searchPath: path,
    programEnv,
    codecs: codecSettings(config, path, programEnv),
    close: async () => {
      // Whoever asked for a host that could not be had was told why.
      await (await host?.catch(() => undefined))?.close();
      await Promise.all([connections.postgres?.close(), connections.primary?.close(), connections.streaming?.close()]);
    },
  };
  if (options.offline) return scope;
  return withLateProblems(await withoutUselessPrimary(scope));
}

async function askStatus(scope: ServerScope): Promise<ServerStatus> {
  const { askServerStatus } = await import('./ask-status.ts');
  return askServerStatus(scope);
}

async function openSshHost(scope: ServerScope): Promise<SshExecutor> {
  const { openRemoteHost } = await import('./remote-host.ts');
  return openRemoteHost(scope, hostCommand(scope.config) ?? '');
}

interface Connections {
  readonly postgres: PostgresConnection | null;
  readonly primary: PostgresConnection | null;
  readonly streaming: StreamingConnection | null;
}

function makeConnections(ctx: CommandContext, { config, role }: ServerInForce): Connections {
  if (!role.asksPostgres) return { postgres: null, primary: null, streaming: null };
  const { conninfo, primaryConninfo, streamingConninfo } = config;
  const streams = methodOf(config).streams || config.streamingArchiver;
  const postgres = isUsable(conninfo) ? openPostgres(connectionOptions(ctx, conninfo)) : null;
  return {
    postgres,
    primary: postgres && isUsable(primaryConninfo) ? openPostgres(connectionOptions(ctx, primaryConninfo)) : null,
    streaming: streams && isUsable(streamingConninfo) ? openStreaming(connectionOptions(ctx, streamingConninfo)) : null,
  };
}

function isUsable(conninfo: string | null): conninfo is string {
  return conninfo !== null && conninfoProblem(conninfo) === null;
}

function connectionOptions(ctx: CommandContext, conninfo: string): PostgresOptions {
  return { conninfo, env: ctx.env, log: ctx.log.named('barman.postgres'), signal: ctx.signal };
}

/** primary_conninfo makes sense only beside a standby; a server that does not answer gets the benefit of the doubt. */
async function withoutUselessPrimary(scope: ServerScope): Promise<ServerScope> {
  const { postgres, primary } = scope;
  if (postgres === null || primary === null) return scope;
  if ((await isStandby(postgres)) !== false) return scope;
  scope.output.warning(
    "'primary_conninfo' is set but 'conninfo' does not point to a standby server. Ignoring 'primary_conninfo'.",
  );
  return { ...scope, primary: null };
}

async function isStandby(postgres: PostgresConnection): Promise<boolean | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), STANDBY_PATIENCE);
  });
  const answer = postgres.isInRecovery().catch((error: unknown) => {
    if (error instanceof PostgresError) return undefined;
    throw error;
  });
  try {
    return await Promise.race([answer, patience]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the backup_compression suits pg_basebackup and the server; not judged while one of them cannot be asked. */
async function withLateProblems(scope: ServerScope): Promise<ServerScope> {
  const { config, postgres, searchPath: path } = scope;
  if (postgres === null || !methodOf(config).streams || config.backupCompression === null) return scope;
  const log = scope.log.named('barman.backup_executor');
  try {
    const client = await findClientProgram(['pg_basebackup'], path, scope.env);
    if (client === undefined) return scope;
    const versions = { client: client.version, server: await postgres.serverVersion() };
    const problems = backupCompressionProblems(config, versions);
    if (problems.length === 0) return scope;
    return { ...scope, config: { ...config, disabled: true }, problems: [...scope.problems, ...problems] };
  } catch (error) {
    if (!(error instanceof PostgresError)) throw error;
    log.warning(`Could not validate compression due to a problem with the PostgreSQL connection: ${error.message}`);
    return scope;
  }
}
