/**
 * The errors this program throws on purpose. Anything else that is thrown is a bug: main prints it as `EXCEPTION:`
 * and the stack goes to the log.
 */

export interface ErrorFacts {
  /** Process exit code; 1 unless the compatibility table says otherwise. */
  readonly exitCode?: number;
  /** What to type next, printed on a line of its own as `HINT: ...`. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** How the console labels it: Barman prints some failures as `EXCEPTION:` with a pointer to the log. */
  readonly level?: 'error' | 'exception';
}

/** A failure with a message made for the administrator. */
export class BarmanError extends Error {
  readonly exitCode: number;
  readonly hint: string | undefined;
  readonly level: 'error' | 'exception';

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = new.target.name;
    this.exitCode = facts.exitCode ?? 1;
    this.hint = facts.hint;
    this.level = facts.level ?? 'error';
  }
}

/** The configuration cannot be used. */
export class ConfigError extends BarmanError {}
/** An external program failed; the message holds its last lines. */
export class CommandError extends BarmanError {}
/** PostgreSQL refused a connection or a statement. */
export class PostgresError extends BarmanError {}
/** Somebody else holds the lock. */
export class LockBusyError extends BarmanError {}
/** The lock file may not be opened by this user. */
export class LockDeniedError extends BarmanError {}
/** A base backup could not be taken, read or changed. */
export class BackupError extends BarmanError {}
/** A WAL file or the WAL index is missing, damaged or misnamed. */
export class WalError extends BarmanError {}
/** A restore was refused or failed. */
export class RecoveryError extends BarmanError {}
/** A retry hook script ended with 63: the administrator vetoes the operation. */
export class HookAbortError extends BarmanError {}

/** A message with what to type next on a line of its own. */
export function withHint(message: string, hint: string | undefined): string {
  return hint ? `${message}\nHINT: ${hint}` : message;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The errno word (`ENOENT`, `EACCES` ...) of a system error, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}
