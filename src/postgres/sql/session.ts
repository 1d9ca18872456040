/**
 * One lazily opened session. Statements run one after another; a session that the server or the network ended is opened
 * again by the next statement, unless it is pinned.
 */
import { PostgresError } from '../../domain/errors.ts';
import type { ConnectOptions } from '../libpq/connect.ts';
import type { Connection } from '../libpq/connection.ts';
import { isLostConnection, statementFailure } from '../libpq/failure.ts';
import { readVersion } from './values.ts';
import type { PostgresVersion } from '../../domain/postgres-version.ts';

/** A server that took longer than this to fail is not asked again for a while, ms. */
const SLOW_FAILURE = 1_000;
/** For how long such a failure is remembered, ms. */
const FAILURE_MEMORY = 30_000;
/** How long close() waits for the goodbye, ms. */
const GOODBYE = 2_000;

export class Session {
  readonly #options: ConnectOptions;
  #connection: Connection | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #isPinned = false;
  #onLost: (() => void) | undefined;
  /** Gives up the attempt under way. */
  #attempt = new AbortController();
  /** How often close() was called. */
  #closes = 0;
  #slowFailure: { readonly error: PostgresError; readonly until: number } | undefined;

  constructor(options: ConnectOptions) {
    this.#options = options;
  }

  /** Runs one statement; with parameters by the extended protocol. @throws PostgresError */
  query<Row>(sql: string, parameters?: readonly unknown[]): Promise<Row[]> {
    return this.#inTurn(() => this.#run<Row>(sql, parameters));
  }

  /** Costs nothing once connected. @throws PostgresError */
  serverVersion(): Promise<PostgresVersion> {
    return this.#inTurn(async () => {
      const { status } = await this.#open();
      return readVersion(status.get('server_version') ?? '');
    });
  }

  /** The user of the session. @throws PostgresError */
  user(): Promise<string> {
    return this.#inTurn(async () => (await this.#open()).parameters.user);
  }

  /**
   * From now on a lost connection stays lost: the session holds something (a backup) that a new one would not have.
   * `onLost` is called when that happens, with or without a statement under way.
   */
  pin(onLost?: () => void): void {
    this.#isPinned = true;
    this.#onLost = onLost;
    if (this.#connection === undefined) onLost?.();
  }

  unpin(): void {
    this.#isPinned = false;
    this.#onLost = undefined;
  }

  /** Ends the session, also one with a statement under way. Later statements open a new one. */
  async close(): Promise<void> {
    this.#closes += 1;
    this.#attempt.abort();
    this.#attempt = new AbortController();
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, GOODBYE);
    });
    await Promise.race([connection.client.end().catch(() => {}), patience]);
    clearTimeout(timer);
    (connection.client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }

  /** pg warns about statements that wait in its own queue, so they wait here. */
  #inTurn<T>(body: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(body);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  async #run<Row>(sql: string, parameters?: readonly unknown[]): Promise<Row[]> {
    const isReused = this.#connection !== undefined;
    const closes = this.#closes;
    try {
      return await this.#send<Row>(await this.#open(), sql, parameters);
    } catch (error) {
      if (!isLostConnection(error)) throw error;
      const wasClosedByUs = closes !== this.#closes;
      if (!wasClosedByUs) await this.close();
      // The session may have died long ago, unnoticed: one more try on a fresh one.
      if (!isReused || wasClosedByUs || this.#isPinned) throw error;
      return this.#send<Row>(await this.#open(), sql, parameters);
    }
  }

  async #send<Row>({ client }: Connection, sql: string, parameters?: readonly unknown[]): Promise<Row[]> {
    try {
      const result = await (parameters ? client.query(sql, [...parameters]) : client.query(sql));
      return result.rows as Row[];
    } catch (cause) {
      throw statementFailure(cause);
    }
  }

  async #open(): Promise<Connection> {
    if (this.#connection) return this.#connection;
    if (this.#isPinned) throw new PostgresError('Connection lost, reconnection not allowed');
    if (this.#slowFailure && performance.now() < this.#slowFailure.until) throw this.#slowFailure.error;
    const { connect } = await import('../libpq/connect.ts');
    const { signal } = this.#options;
    const attempt = this.#attempt.signal;
    const started = performance.now();
    try {
      const connection = await connect({
        ...this.#options,
        signal: signal === undefined ? attempt : AbortSignal.any([attempt, signal]),
      });
      const forget = () => {
        if (this.#connection !== connection) return;
        this.#connection = undefined;
        this.#onLost?.();
      };
      connection.client.on('error', forget);
      connection.client.on('end', forget);
      this.#connection = connection;
      return connection;
    } catch (error) {
      const ended = performance.now();
      if (error instanceof PostgresError && ended - started > SLOW_FAILURE) {
        this.#slowFailure = { error, until: ended + FAILURE_MEMORY };
      }
      throw error;
    }
  }
}
