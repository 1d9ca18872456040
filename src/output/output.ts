/**
 * What a command may say. Levels follow Barman: debug and info are news, a warning changes nothing, an error or an
 * exception sets the exit code. Results carry their own two faces, so that a command loads only what it prints.
 */
import type { CheckResult } from '../domain/check-result.ts';
import type { JsonFloat } from './json-float.ts';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject | JsonFloat;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Colours a word when the terminal wants it; returns it unchanged otherwise. */
export interface Paint {
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
}

/**
 * Something a command found out. `console` gives whole lines without their newline; `json` is merged (objects into
 * objects, key by key) into the one document printed at the end.
 */
export interface Result {
  readonly console: (paint: Paint) => readonly string[];
  readonly json: () => JsonObject;
  /** Only for check results: what the Nagios writer gathers. */
  readonly check?: { readonly server: string; readonly active: boolean; readonly result?: CheckResult };
}

/** A live line on a terminal; every method is a no-op elsewhere. */
export interface ProgressLine {
  readonly enabled: boolean;
  update(text: string): void;
  /** Erases the line. */
  clear(): void;
}

export interface Output {
  debug(text: string): void;
  info(text: string): void;
  warning(text: string): void;
  /** Marks the run failed (exit code 1 unless given). */
  error(text: string, facts?: { exitCode?: number }): void;
  /** What to type next, for somebody at a terminal; nowhere else, because scripts compare what Barman prints. */
  hint(text: string): void;
  /** An unexpected failure; `stack` goes to the log only. */
  exception(text: string, stack?: string): void;
  result(result: Result): void;
  /** The live line: drawn only by the console writer on a terminal and not under -q. */
  readonly progress: ProgressLine;
  /** True when stdout must carry nothing but what the command itself writes there (get-wal). */
  readonly format: 'console' | 'json' | 'nagios';
  /** Prints what was gathered and returns the exit code. Call once. */
  close(): number;
}
