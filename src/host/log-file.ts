/**
 * The file behind the log. The work is worth more than its log: a line that cannot be written is counted, the reason is told
 * once on standard error, and the file is tried again, by its name, until it takes lines.
 */
import { closeSync, constants as FS, fstatSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from '../domain/errors.ts';
import { tellStandardError, WriteError, writeWhole } from './standard-error.ts';
import { systemReason } from './system-reason.ts';

/** A file that took no line is left alone for so long, ms: waiting for a pipe that nobody reads must not be paid by every line. */
const REST = 1_000;
/** A pipe without reader and a terminal must neither hold us nor become ours; an ordinary file knows none of it. */
const FLAGS = FS.O_WRONLY | FS.O_APPEND | FS.O_CREAT | FS.O_NONBLOCK | FS.O_NOCTTY;

export interface LogFileOptions {
  /** The line for what is missing in the file. */
  readonly gapLine: (lost: number, reason: string) => string;
  readonly tell?: (text: string) => void;
  readonly restMs?: number;
}

export class LogFile {
  readonly #path: string;
  readonly #options: Required<LogFileOptions>;
  #descriptor: number | undefined;
  /** Until it could be opened for the first time, lines go to standard error, as Barman's do. */
  #wasOpened = false;
  #isTold = false;
  /** The last line in the file has no end. */
  #isTorn = false;
  #lost = 0;
  #reason = '';
  #restsUntil = 0;

  constructor(path: string, options: LogFileOptions) {
    this.#path = path;
    this.#options = { tell: tellStandardError, restMs: REST, ...options };
    this.#attempt(() => this.#open());
  }

  /** Lines go to standard error, as the file could never be opened. */
  get isReplaced(): boolean {
    return !this.#wasOpened;
  }

  /** Never fails, and waits a moment at most for what is no ordinary file. */
  write(line: string): void {
    const isDone =
      performance.now() >= this.#restsUntil &&
      this.#attempt(() => {
        const descriptor = this.#current();
        if (this.#lost > 0) this.#put(descriptor, this.#options.gapLine(this.#lost, this.#reason));
        this.#lost = 0;
        this.#put(descriptor, line);
      });
    if (isDone) return;
    if (this.isReplaced) this.#options.tell(line);
    else this.#lost += 1;
  }

  /** False when it failed, which is told the first time. */
  #attempt(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.#close();
      this.#restsUntil = performance.now() + this.#options.restMs;
      this.#reason = systemReason(error instanceof WriteError ? error.cause : error);
      if (!this.#isTold && !this.isReplaced) {
        this.#isTold = true;
        this.#options.tell(
          `WARNING: cannot write the log file '${this.#path}': ${this.#reason}. The work goes on, and the log as soon as it can.\n`,
        );
      }
      return false;
    }
  }

  #put(descriptor: number, line: string): void {
    try {
      writeWhole(descriptor, Buffer.from(this.#isTorn ? `\n${line}` : line));
      this.#isTorn = false;
    } catch (error) {
      if (error instanceof WriteError && error.written > 0) this.#isTorn = true;
      throw error;
    }
  }

  /** The file that has the name now: logrotate may have moved the one we opened. */
  #current(): number {
    if (this.#descriptor !== undefined && !isNamed(this.#descriptor, this.#path)) {
      this.#close();
      this.#isTorn = false;
    }
    return this.#descriptor ?? this.#open();
  }

  #open(): number {
    const open = () => openSync(this.#path, FLAGS, 0o600);
    try {
      this.#descriptor = open();
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      mkdirSync(dirname(this.#path), { recursive: true });
      this.#descriptor = open();
    }
    this.#wasOpened = true;
    return this.#descriptor;
  }

  #close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    try {
      if (descriptor !== undefined) closeSync(descriptor);
    } catch {
      // Of a file system that went away: it is closed all the same.
    }
  }
}

function isNamed(descriptor: number, path: string): boolean {
  const ours = fstatSync(descriptor);
  const named = statSync(path, { throwIfNoEntry: false });
  return named !== undefined && named.ino === ours.ino && named.dev === ours.dev;
}
