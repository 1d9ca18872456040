/**
 * The log file that people's tools read: Barman's line `date [pid] logger LEVEL: text`, written synchronously so that a
 * short process loses nothing. pino filters and routes the records; it is loaded by the first one that is written,
 * because most commands write none.
 */
import { closeSync, fstatSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { Logger as PinoLogger } from 'pino';

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
  /** Python logging format; unset for the default. */
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
  let pino: PinoLogger<'warning' | 'error' | 'critical' | 'debug' | 'info'> | undefined;
  const logger = () => {
    pino ??= createPino(options.level, (record) => sink.write(renderLine(format, record)));
    return pino;
  };
  const emit = (level: LogLevel, name: string, text: string) => {
    if (LEVELS[level] < options.level) return;
    logger()[level]({ logger: name }, options.redact(text));
  };
  const named = (name: string): Log => ({
    debug: (text) => emit('debug', name, text),
    info: (text) => emit('info', name, text),
    warning: (text) => emit('warning', name, text),
    error: (text, stack) => emit('error', name, stack ? `${text}\n${stack}` : text),
    named,
  });
  const log = named('barman');
  if (sink.failed)
    log.named('barman.cli').warning('Failed opening the requested log file. Using standard error instead.');
  return log;
}

interface LogRecord {
  readonly level: number;
  readonly time: number;
  readonly logger: string;
  readonly msg: string;
}

/** Of the bundle, where the build finds this call and puts pino itself, to be run when it is first wanted. */
declare const require: NodeJS.Require | undefined;

function loadPino(): typeof import('pino') {
  if (typeof require === 'undefined') return createRequire(import.meta.url)('pino') as typeof import('pino');
  return require('pino') as typeof import('pino');
}

function createPino(level: number, write: (record: LogRecord) => void) {
  const { pino } = loadPino();
  return pino(
    { base: null, customLevels: { ...LEVELS }, useOnlyCustomLevels: true, level: 'debug', formatters: {} },
    { write: (line: string) => write(JSON.parse(line) as LogRecord) },
  ) as unknown as PinoLogger<'warning' | 'error' | 'critical' | 'debug' | 'info'>;
}

function openSink(file: string | null): { write: (line: string) => void; failed: boolean } {
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
export function renderLine(format: string, record: LogRecord): string {
  const levelName = (Object.keys(LEVELS) as LogLevel[]).find((name) => LEVELS[name] === record.level) ?? 'info';
  const values: Record<string, string> = {
    asctime: asctime(new Date(record.time)),
    process: String(process.pid),
    name: record.logger,
    levelname: levelName.toUpperCase(),
    message: record.msg,
  };
  return `${format.replace(/%\((\w+)\)s/g, (whole, key: string) => values[key] ?? whole)}\n`;
}

function asctime(time: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  return `${date} ${clock},${String(time.getMilliseconds()).padStart(3, '0')}`;
}
