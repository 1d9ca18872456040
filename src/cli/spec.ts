/**
 * The command line as data: every command, its words and its options. Bodies are imported when chosen.
 * Source: docs/behaviour/cli.md 1 to 4. The prose is ours.
 */
import type { CommandContext } from '../server/context.ts';
import type { ValueParser } from './values.ts';

export interface OptionSpec {
  /** `-w, --wait` or `--wait-timeout <SECONDS>` or `--reuse-backup [MODE]`. */
  readonly flags: string;
  readonly help: string;
  /** Checks and converts the text; unset for a flag or free text. */
  readonly parse?: ValueParser;
  /** Repeating it collects; otherwise the last one wins. */
  readonly repeatable?: boolean;
  /** The value of an optional argument that was left out. */
  readonly preset?: string;
}

export interface ArgumentSpec {
  /** As usage errors name it: `server_name`. */
  readonly name: string;
  /** Key in the options record. */
  readonly key: string;
  readonly variadic?: boolean;
  readonly optional?: boolean;
  /** Key of the option beside which it may be left out. */
  readonly optionalWith?: string;
  /** Checks and converts the text; unset for free text. */
  readonly parse?: ValueParser;
}

/** The parsed values a body gets; each command module declares its own precise interface. */
export type CommandOptions = Record<string, unknown>;

export interface CommandModule {
  run(ctx: CommandContext, options: never): Promise<void>;
}

export interface CommandSpec {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** Paragraphs below the usage line. */
  readonly details?: readonly string[];
  readonly args: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  /** The body ends by itself when `ctx.signal` aborts; the others are stopped where they are. */
  readonly handlesSignals?: boolean;
  /** It works, and prints news of it: nobody who reads them is no failure. What the others print is what was asked for. */
  readonly printsNews?: boolean;
  /** Works without a configuration, and gets no context. */
  readonly standsAlone?: boolean;
  readonly load: () => Promise<CommandModule>;
}

export const SERVER: ArgumentSpec = { name: 'server_name', key: 'serverName' };
export const SERVERS: ArgumentSpec = { name: 'server_name', key: 'serverNames', variadic: true };
export const BACKUP: ArgumentSpec = { name: 'backup_id', key: 'backupId' };

/** What a backup argument may be, and what a list of servers may be, in the help of every command that takes one. */
export const BACKUP_WORDS =
  'BACKUP_ID is an id (20260131T235959), a backup name, or one of: latest, oldest, last-failed, latest-full.';
export const SERVER_WORDS = 'Give several names, or "all" for every configured server.';
