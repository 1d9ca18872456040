/**
 * The console writer: news on stdout, the rest on stderr, colours on a terminal.
 * Source: docs/behaviour/cli.md 5.1 and 5.2.
 */
import { redactSecrets } from '../domain/redaction.ts';
import { writableText } from '../domain/text/file-name-text.ts';
import type { Output, Paint, ProgressLine, Result } from './output.ts';
import type { MessageLog } from './messages.ts';

export interface ConsoleOptions {
  readonly stdout: NodeJS.WritableStream & { isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { isTTY?: boolean };
  readonly color: 'never' | 'always' | 'auto';
  readonly quiet: boolean;
  readonly debug: boolean;
  readonly log: MessageLog;
}

const RED = '\u001b[31m';
const GREEN = '\u001b[32m';
const YELLOW = '\u001b[33m';
const RESET = '\u001b[0m';

export function consoleOutput(options: ConsoleOptions): Output {
  const { stdout, stderr, log, quiet } = options;
  const onTerminal = stdout.isTTY === true && stderr.isTTY === true;
  const colored = options.color === 'always' || (options.color === 'auto' && onTerminal);
  const paintWith = (code: string) => (text: string) => (colored ? `${code}${text}${RESET}` : text);
  const paint: Paint = { red: paintWith(RED), green: paintWith(GREEN), yellow: paintWith(YELLOW) };
  const plain = (text: string) => text;
  let exitCode = 0;
  const progress = progressLine(stdout, stdout.isTTY === true && !quiet);
  const print = (stream: NodeJS.WritableStream, text: string, color: (text: string) => string) => {
    progress.clear();
    stream.write(writableText(`${color(redactSecrets(text))}\n`));
  };
  return {
    format: 'console',
    progress,
    debug: (text) => {
      log.debug(text);
      if (options.debug) print(stderr, `DEBUG: ${text}`, plain);
    },
    info: (text) => {
      log.info(text);
      if (!quiet) print(stdout, text, plain);
    },
    warning: (text) => {
      log.warning(text);
      print(stderr, `WARNING: ${text}`, paint.yellow);
    },
    error: (text, facts) => {
      log.error(text);
      print(stderr, `ERROR: ${text}`, paint.red);
      exitCode = facts?.exitCode ?? (exitCode || 1);
    },
    hint: (text) => {
      if (stderr.isTTY === true) print(stderr, `HINT: ${text}`, plain);
    },
    exception: (text, stack) => {
      log.error(text, stack);
      print(stderr, `EXCEPTION: ${text}`, paint.red);
      exitCode ||= 1;
    },
    result: (result: Result) => {
      if (result.check?.active && result.check.result?.ok === false) exitCode ||= 1;
      if (!quiet) for (const line of result.console(paint)) print(stdout, line, plain);
    },
    close: () => {
      progress.clear();
      return exitCode;
    },
  };
}

function progressLine(stream: NodeJS.WritableStream & { columns?: number }, enabled: boolean): ProgressLine {
  let shown = false;
  return {
    enabled,
    update: (text) => {
      if (!enabled) return;
      // One column is left free: a full line would make some terminals wrap, and \r would not get back.
      stream.write(`\r\u001b[K${text.slice(0, (stream.columns || 80) - 1)}`);
      shown = true;
    },
    clear: () => {
      if (shown) stream.write('\r\u001b[K');
      shown = false;
    },
  };
}
