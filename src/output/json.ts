/**
 * The JSON writer: everything is gathered and printed once, without a final newline. Source: docs/behaviour/cli.md 5.3.
 */
import { redactSecrets } from '../domain/redaction.ts';
import { jsonText, mergeJson } from './json-text.ts';
import { type MessageLog, NO_PROGRESS } from './messages.ts';
import type { Json, Output } from './output.ts';

export interface JsonOptions {
  readonly stdout: NodeJS.WritableStream;
  readonly quiet: boolean;
  readonly debug: boolean;
  readonly log: MessageLog;
}

export function jsonOutput(options: JsonOptions): Output {
  const { log } = options;
  const document: Record<string, Json> = {};
  let exitCode = 0;
  const add = (key: string, text: string) => {
    const list = (document[key] ??= []) as string[];
    list.push(redactSecrets(text));
  };
  return {
    format: 'json',
    progress: NO_PROGRESS,
    debug: (text) => {
      log.debug(text);
      if (options.debug) add('_DEBUG', text);
    },
    info: (text) => {
      log.info(text);
      add('_INFO', text);
    },
    warning: (text) => {
      log.warning(text);
      add('_WARNING', text);
    },
    error: (text, facts) => {
      log.error(text);
      add('_ERROR', text);
      exitCode = facts?.exitCode ?? (exitCode || 1);
    },
    hint: () => {},
    exception: (text, stack) => {
      log.error(text, stack);
      add('_EXCEPTION', text);
      exitCode ||= 1;
    },
    result: (result) => {
      if (result.check?.active && result.check.result?.ok === false) exitCode ||= 1;
      mergeJson(document, result.json());
    },
    close: () => {
      if (!options.quiet) options.stdout.write(jsonText(document));
      return exitCode;
    },
  };
}
