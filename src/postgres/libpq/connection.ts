/** An open connection, and what of pg's own is used beside its client. */
import type { Client } from 'pg';
import type { Parameters } from './parameters.ts';

/** An open connection and what the server said about itself. */
export interface Connection {
  readonly client: Client;
  readonly parameters: Parameters;
  /** ParameterStatus values, e.g. `server_version`. */
  readonly status: ReadonlyMap<string, string>;
}

/** The part of pg's protocol connection that is used here. */
export interface WireConnection {
  // oxlint-disable-next-line typescript/no-explicit-any -- each event has its own message type
  on(event: string, listener: (message: any) => void): void;
  emit(event: string, message: unknown): void;
  readonly stream: { destroy(error?: Error): void };
}
