/**
 * The log file that people's tools read, written synchronously so that a short process loses nothing: Barman's line
 * `date [pid] logger LEVEL: text`, in the format that `log_format` gives; or, with `log_format = json`, one JSON object on
 * each line. Those are made by pino, which the first of them loads.
 */
import { closeSync, fstatSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { Logger as PinoLogger } from 'pino';
import { clockText, dateText, localReading } from '../domain/time/civil-time.ts';

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

/** Opens the log. A file that cannot be opened falls back to standard error, and says so there. */
export function openLog(options: LogOptions): Log {
  const sink = openSink(options.file ?? null);
  const format = options.format ?? DEFAULT_FORMAT;
  const write = isJsonFormat(format) ? jsonLines(options, sink.write) : textLines(options, format, sink.write);
  const emit = (level: LogLevel, name: string, text: string, stack?: string) => {
    if (LEVELS[level] >= options.level) write({ level, name, text, stack: stack || undefined });
  };
  const named = (name: string): Log => ({
    debug: (text) => emit('debug', name, text),
    info: (text) => emit('info', name, text),
    warning: (text) => emit('warning', name, text),
    error: (text, stack) => emit('error', name, text, stack),
    named,
  });
  const log = named('barman');
  if (sink.failed)
    log.named('barman.cli').warning('Failed opening the requested log file. Using standard error instead.');
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

type Write = (line: string) => void;
type Redaction = Pick<LogOptions, 'redact'>;

function textLines({ redact }: Redaction, format: string, write: Write): (record: LogRecord) => void {
  return ({ level, name, text, stack }) => {
    const message = redact(stack === undefined ? text : `${text}\n${stack}`);
    write(renderLine(format, { level, name, message }));
  };
}

/** Of the bundle, where the build finds this call and puts pino beside it, to be loaded when it is first wanted. */
declare const require: NodeJS.Require | undefined;

function loadPino(): typeof import('pino') {
  if (typeof require === 'undefined') return createRequire(import.meta.url)('pino') as typeof import('pino');
  return require('pino') as typeof import('pino');
}

/** `{"level":"INFO","time":"2026-11-21T01:24:58.986Z","pid":4711,"name":"barman.cli","msg":"..."}`, errors with their `stack`. */
function jsonLines({ redact }: Redaction, write: Write): (record: LogRecord) => void {
  let logger: PinoLogger<LogLevel> | undefined;
  const open = () => {
    const { pino, stdTimeFunctions } = loadPino();
    const formatters = { level: (label: string) => ({ level: label.toUpperCase() }) };
    const custom = { customLevels: { ...LEVELS }, useOnlyCustomLevels: true, level: 'debug' } as const;
    const base = { pid: process.pid };
    return pino(
      { ...custom, base, formatters, timestamp: stdTimeFunctions.isoTime },
      { write },
    ) as PinoLogger<LogLevel>;
  };
  return ({ level, name, text, stack }) => {
    logger ??= open();
    logger[level](stack === undefined ? { name } : { name, stack: redact(stack) }, redact(text));
  };
}

function openSink(file: string | null): { write: Write; failed: boolean } {
  const toStderr = (line: string) => {
    writeSync(2, line);
  };
  if (file === null) return { write: toStderr, failed: false };
  try {
    mkdirSync(dirname(file), { recursive: true });
    let fd = openSync(file, 'a', 0o600);
    return {
      failed: false,
      write: (line) => {
        if (wasRotated(fd, file)) {
          closeSync(fd);
          fd = openSync(file, 'a', 0o600);
        }
        writeSync(fd, line);
      },
    };
  } catch {
    return { write: toStderr, failed: true };
  }
}

/** True when logrotate moved the file away since we opened it. */
function wasRotated(fd: number, file: string): boolean {
  const ours = fstatSync(fd);
  const named = statSync(file, { throwIfNoEntry: false });
  return named === undefined || named.ino !== ours.ino || named.dev !== ours.dev;
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
