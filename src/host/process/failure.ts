/** How a program failed, in words: the same everywhere where the words are our own. */
import { basename } from 'node:path';
import { redactSecrets } from '../../domain/redaction.ts';
import { CommandError } from '../../domain/errors.ts';
import { typedWord } from '../../domain/text/shell-words.ts';
import { systemReason } from '../system-reason.ts';

/** The end of a program that was started. */
export interface CommandEnd {
  readonly command: string;
  readonly args: readonly string[];
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it said on its stderr, or the last of it; '' unless that was piped. */
  readonly stderr: string;
  /** Wall time, milliseconds. */
  readonly durationMs: number;
  /** It took longer than it was given. */
  readonly timedOut: boolean;
}

/** How much of a failing program's stderr goes into a message, characters. */
const LAST_WORDS = 2_000;
/** From here on it is worth telling how long it took, ms. */
const LONG = 10_000;

/** A program did not do its work. */
export class CommandFailure extends CommandError {
  readonly end: CommandEnd;

  constructor(message: string, end: CommandEnd) {
    super(message);
    this.end = end;
  }
}

/** There is no such program, or it may not be run. Without its arguments: those of a shell may be a secret. */
export function cannotStart(command: string, cause: Error): CommandError {
  return new CommandError(`cannot start '${command}': ${systemReason(cause)}`, { cause });
}

/** It is not ours to signal. */
export function cannotEnd(command: string, cause: Error): CommandError {
  return new CommandError(`cannot end '${command}': ${systemReason(cause)}`, { cause });
}

/** The failure with everything about it: the command as it can be typed, how it ended, its last words. */
export function commandFailure(end: CommandEnd): CommandFailure {
  const line = [end.command, ...end.args].map((word) => typedWord(redactSecrets(word))).join(' ');
  const words = end.stderr.trim().slice(-LAST_WORDS);
  return new CommandFailure(`${line} ${howItEnded(end)}${words === '' ? '' : `: ${words}`}`, end);
}

/** For a message that says itself what was tried: what the program said; without words, how it ended. */
export function reasonOf(end: CommandEnd, said: string = end.stderr): string {
  return said.trim() || `${basename(end.command)} ${howItEnded(end)}`;
}

/** `failed with exit code 3`, `was ended by SIGKILL`, `took longer than 10 s`. */
export function howItEnded({ code, signal, durationMs, timedOut }: CommandEnd): string {
  const seconds = Math.round(durationMs / 1000);
  if (timedOut) return `did not end within ${seconds} s`;
  const end = signal === null ? `failed with exit code ${code}` : `was ended by ${signal}`;
  return durationMs < LONG ? end : `${end} after ${seconds} s`;
}
