/**
 * The log file that people's tools read, written synchronously so that a short process loses nothing: Barman's line
 * `date [pid] logger LEVEL: text`, in the format that `log_format` gives; or, with `log_format = json`, one JSON object on
 * each line. Those are made by pino, which the first of them loads.
 */
import { createRequire } from 'node:module';
import type { Logger as PinoLogger } from 'pino';
import { clockText, dateText } from '../domain/time/civil-time.ts';
import { localReading } from '../domain/time/local-time.ts';
import { LogFile } from './log-file.ts';
import { tellStandardError } from './standard-error.ts';

export type LogLevel = 'debug' | 'info' | 'warning' | 'error' | 'critical';

/** Python's numeric levels: what `log_level` may hold. */
const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 10, info: 20, warning: 30, error: 40, critical: 50 };

export interface Log {
  debug(text: string): void;
  info(text: string): void;
  warning(text: string): void;
  error(text: string, stack?: string): void;
  /** The same log under another logger name, e.g. `barman.backup`. */
  named(name: string): Log;
}

export interface LogOptions {
  /** Unset: lines go to standard error. */
  readonly file?: string | null;
  /** Numeric, Python's scale: 10 debug ... 50 critical; 0 logs everything. */
  readonly level: number;
  /** Python logging format, or `json`; unset for the default. */
  readonly format?: string | null;
  /** Every text passes it before it is written: no secret reaches the log. */
  readonly redact: (text: string) => string;
}

const DEFAULT_FORMAT = '%(asctime)s [%(process)s] %(name)s %(levelname)s: %(message)s';

/** Reads `log_level`: a name in any case or an integer; undefined when it is neither. */
export function parseLogLevel(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const name = text.toLowerCase();
  if (name === 'notset') return 0;
  if (name === 'warn') return LEVELS.warning;
  if (name === 'fatal') return LEVELS.critical;
  return (LEVELS as Record<string, number>)[name];
}

/** Opens the log. A file that cannot be opened falls back to standard error, and says so there. Writing to it never fails. */
export function openLog(options: LogOptions): Log {
  const format = options.format ?? DEFAULT_FORMAT;
  const render = isJsonFormat(format) ? jsonLines(options) : textLines(options, format);
  const gapLine = (lost: number, reason: string) =>
    render({
      level: 'warning',
      name: 'barman.log',
      text: `Lines missing here, as they could not be written: ${lost} (${reason})`,
      stack: undefined,
    });
  const file = options.file == null ? undefined : new LogFile(options.file, { gapLine });
  const emit = (level: LogLevel, name: string, text: string, stack?: string) => {
    if (LEVELS[level] < options.level) return;
    const line = render({ level, name, text, stack: stack || undefined });
    if (file === undefined) tellStandardError(line);
    else file.write(line);
  };
  const named = (name: string): Log => ({
    debug: (text) => emit('debug', name, text),
    info: (text) => emit('info', name, text),
    warning: (text) => emit('warning', name, text),
    error: (text, stack) => emit('error', name, text, stack),
    named,
  });
  const log = named('barman');
  if (file?.isReplaced) {
    log.named('barman.cli').warning('Failed opening the requested log file. Using standard error instead.');
  }
  return log;
}

/** The one value of `log_format` that is no Python format: Barman refuses it, so no configuration of Barman's has it. */
function isJsonFormat(format: string): boolean {
  return format.trim().toLowerCase() === 'json';
}

interface LogRecord {
  readonly level: LogLevel;
  readonly name: string;
  readonly text: string;
  readonly stack: string | undefined;
}

/** The whole line, with its end. */
type Render = (record: LogRecord) => string;
type Redaction = Pick<LogOptions, 'redact'>;

function textLines({ redact }: Redaction, format: string): Render {
  return ({ level, name, text, stack }) => {
    const message = redact(stack === undefined ? text : `${text}\n${stack}`);
    return renderLine(format, { level, name, message });
  };
}

/** Of the bundle, where the build finds this call and puts pino beside it, to be loaded when it is first wanted. */
declare const require: NodeJS.Require | undefined;

function loadPino(): typeof import('pino') {
  if (typeof require === 'undefined') return createRequire(import.meta.url)('pino') as typeof import('pino');
  return require('pino') as typeof import('pino');
}

/** `{"level":"INFO","time":"2026-11-21T01:24:58.986Z","pid":4711,"name":"barman.cli","msg":"..."}`, errors with their `stack`. */
function jsonLines({ redact }: Redaction): Render {
  let logger: PinoLogger<LogLevel> | undefined;
  let line = '';
  const open = () => {
    const { pino, stdTimeFunctions } = loadPino();
    const formatters = { level: (label: string) => ({ level: label.toUpperCase() }) };
    const custom = { customLevels: { ...LEVELS }, useOnlyCustomLevels: true, level: 'debug' } as const;
    const base = { pid: process.pid };
    const take = (text: string) => {
      line = text;
    };
    return pino(
      { ...custom, base, formatters, timestamp: stdTimeFunctions.isoTime },
      { write: take },
    ) as PinoLogger<LogLevel>;
  };
  return ({ level, name, text, stack }) => {
    logger ??= open();
    logger[level](stack === undefined ? { name } : { name, stack: redact(stack) }, redact(text));
    return line;
  };
}

/** Fills a Python `%(name)s` logging format; unknown names stay as written. */
function renderLine(format: string, line: { level: LogLevel; name: string; message: string }): string {
  const values: Record<string, string> = {
    asctime: asctime(new Date()),
    process: String(process.pid),
    name: line.name,
    levelname: line.level.toUpperCase(),
    message: line.message,
  };
  return `${format.replace(/%\((\w+)\)s/g, (whole, key: string) => values[key] ?? whole)}\n`;
}

function asctime(time: Date): string {
  const reading = localReading(time);
  return `${dateText(reading)} ${clockText(reading)},${String(time.getMilliseconds()).padStart(3, '0')}`;
}
