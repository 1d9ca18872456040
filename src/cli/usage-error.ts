/** A command line that cannot be understood, and how that is said. Source: docs/behaviour/cli.md 1. */
import { usageLine } from './help-text.ts';
import type { CommandSpec } from './spec.ts';

/** Usage and one line on stderr, exit code 2. */
export class UsageError extends Error {
  readonly command: CommandSpec | undefined;
  /** What may have been meant. */
  readonly hint: string | undefined;
  constructor(message: string, command?: CommandSpec, hint?: string) {
    super(message);
    this.command = command;
    this.hint = hint;
  }
}

/** Usage, then the reason in Barman's words. The hint is ours: only for somebody who reads along on a terminal. */
export function usageErrorText(
  error: UsageError,
  options: { readonly withHint: boolean } = { withHint: false },
): string {
  const name = error.command ? `barman ${error.command.name}` : 'barman';
  const hint = options.withHint && error.hint !== undefined ? `HINT: ${error.hint}\n` : '';
  return `${usageLine(error.command)}\n${name}: error: ${error.message}\n${hint}`;
}
