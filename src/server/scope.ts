/**
 * One server at work, handed as one value to everything that works on it: the context of the command, the server's
 * configuration, its catalog, its lazily opened connections and what follows from them.
 */
import type { CodecSettings } from '../codec/settings.ts';
import type { SshExecutor } from '../host/executor/openssh.ts';
import type { PostgresConnection, StreamingConnection } from '../postgres/connections.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { ServerInForce } from '../config/in-force.ts';
import type { CommandContext } from './context.ts';
import type { ServerStatus } from './server-status.ts';

export interface ServerScope extends CommandContext, ServerInForce {
  readonly catalog: Catalog;
  /** The SQL connection of `conninfo`; null on an inactive, passive or misconfigured server. Opens at its first query. */
  readonly postgres: PostgresConnection | null;
  /** The connection to `primary_conninfo` when conninfo is a standby or does not answer. */
  readonly primary: PostgresConnection | null;
  /** The replication connection; null when streaming is not configured. */
  readonly streaming: StreamingConnection | null;
  /** What PostgreSQL and its client programs tell about the server, asked once; the answer is never an error. */
  status(): Promise<ServerStatus>;
  /** The host behind ssh_command, on a passive server behind primary_ssh_command; one connection, which ends with the server. */
  remoteHost(): Promise<SshExecutor>;
  /** PATH for this server's programs: path_prefix first. */
  readonly searchPath: string;
  /** The environment of this server's programs: ours with `searchPath`. */
  readonly programEnv: NodeJS.ProcessEnv;
  /** How its files are compressed and encrypted. */
  readonly codecs: CodecSettings;
  close(): Promise<void>;
}

export interface OpenOptions {
  /**
   * The command asks PostgreSQL nothing: leave out the tests that need a connection (is conninfo a standby, does the
   * backup_compression suit the versions).
   */
  readonly offline?: boolean;
  /** The command only tells: nothing on disk changes, old annotations stay where they are. */
  readonly readOnly?: boolean;
}
