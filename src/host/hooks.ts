/**
 * The administrator's hook scripts: command lines of the configuration, run by a shell with BARMAN_* variables. Their
 * output goes to the log and nowhere else. Source: docs/behaviour/backup.md 6.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { optionValue, type OptionName, type ServerConfig } from '../config/options.ts';
import type { BackupInfo } from '../domain/backup/backup-info.ts';
import { neighbours } from '../domain/backup/backup-order.ts';
import { redactSecrets } from '../domain/redaction.ts';
import { BarmanError, HookAbortError, messageOf } from '../domain/errors.ts';
import { COMPATIBLE_VERSION } from '../domain/version.ts';
import type { WalRecord } from '../domain/wal/xlogdb.ts';
import { runShell } from './process/run.ts';
import { searchPath } from './process/search-path.ts';

export type HookEvent = 'backup' | 'archive' | 'delete' | 'wal_delete' | 'recovery';
export type HookPhase = 'pre' | 'post';
/** The variables of an event, without those that every hook gets. */
export type HookVariables = Readonly<Record<string, string>>;

/** What hooks need of a command's context. */
export interface HookContext {
  readonly configuration: { readonly path: string };
  readonly env: NodeJS.ProcessEnv;
  readonly log: { named(name: string): HookLog };
  /** Aborting it ends the running script and every pause, and rejects with the reason of the signal. */
  readonly signal: AbortSignal;
}

interface HookLog {
  debug(text: string): void;
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
}

/** How a failing retry script is retried; milliseconds. */
export interface RetryPace {
  readonly pauseMs: number;
  readonly runsInARow: number;
  readonly longPauseMs: number;
}

const PACE: RetryPace = { pauseMs: 3_000, runsInARow: 6, longPauseMs: 60_000 };
/** Exit codes of a retry script that end the retrying. */
const RESUME = 62;
const STOP = 63;
/** Variables of our own environment that a script must not inherit. */
const SECRET_VARIABLES = ['PGPASSWORD'];
/** One variable may not exceed 128 KiB for execve(2); an error text never needs that much. */
const LONGEST_ERROR = 8_192;
/** Of what a script prints the last so many bytes, and a chunk, go to the log. */
const LONGEST_OUTPUT = 1_048_576;

/** True when any script is configured for this event: the caller may save the work of preparing variables. */
export function hasHooks(config: ServerConfig, event: HookEvent): boolean {
  return scriptOptions(event, 'pre')
    .concat(scriptOptions(event, 'post'))
    .some((option) => optionValue(config, option) != null);
}

/**
 * Runs the scripts of one event and phase: pre: one-shot, then retry script; post: the other way round. Only a retry
 * script of the pre phase can stop an operation.
 * @throws HookAbortError when it ends with 63
 */
export async function runHooks(
  ctx: HookContext,
  config: ServerConfig,
  event: HookEvent,
  phase: HookPhase,
  variables: HookVariables,
  pace: RetryPace = PACE,
): Promise<void> {
  for (const option of scriptOptions(event, phase)) {
    const commandLine = optionValue(config, option) as string | null;
    if (commandLine === null || commandLine === '') continue;
    const hook: Hook = {
      option,
      commandLine,
      log: ctx.log.named('barman.hooks'),
      outcome: ctx.log.named(OPERATIONS[event]),
      signal: ctx.signal,
      env: hookEnvironment(ctx, config, option, phase, variables),
    };
    if (option.endsWith('_retry_script')) await runRetryHook(hook, phase, pace);
    else await runOnce(hook);
  }
}

/** Variables of the groups backup, delete and recovery. `backups` is the whole catalog of the server, in order. */
export function backupHookVariables(
  info: BackupInfo,
  paths: { readonly backupDirectory: string; readonly infoFile: string },
  backups: readonly BackupInfo[],
): HookVariables {
  const { previous, next } = neighbours(info.backupId, backups);
  return {
    BARMAN_BACKUP_DIR: paths.backupDirectory,
    BARMAN_BACKUP_INFO_PATH: paths.infoFile,
    BARMAN_BACKUP_ID: info.backupId,
    BARMAN_PREVIOUS_ID: previous?.backupId ?? '',
    BARMAN_NEXT_ID: next?.backupId ?? '',
    BARMAN_STATUS: info.status,
    BARMAN_ERROR: info.error ?? '',
  };
}

/** Variables of the groups archive and wal_delete. `path` is the source before archiving, else the archived file. */
export function walHookVariables(record: WalRecord, path: string, error: string | null = null): HookVariables {
  return {
    BARMAN_SEGMENT: record.name,
    BARMAN_FILE: path,
    BARMAN_SIZE: String(record.size),
    BARMAN_TIMESTAMP: Number.isInteger(record.time) ? `${record.time}.0` : String(record.time),
    BARMAN_COMPRESSION: record.compression ?? '',
    BARMAN_ERROR: error ?? '',
  };
}

/** What the recovery group adds to backupHookVariables. Unset options are left out of the JSON objects. */
export function recoveryHookVariables(facts: {
  readonly destination: string;
  readonly tablespaces: Readonly<Record<string, string>>;
  readonly remoteCommand: string | null;
  readonly options: Readonly<Record<string, unknown>>;
  readonly error: string | null;
}): HookVariables {
  return {
    BARMAN_DESTINATION_DIRECTORY: facts.destination,
    BARMAN_TABLESPACES: sortedJson(facts.tablespaces),
    BARMAN_REMOTE_COMMAND: facts.remoteCommand ?? '',
    BARMAN_RECOVER_OPTIONS: sortedJson(facts.options),
    BARMAN_ERROR: facts.error ?? '',
  };
}

/** Python's json.dumps(sort_keys=True): a blank after `,` and `:`; '' for an object without a truthy value. */
function sortedJson(values: Readonly<Record<string, unknown>>): string {
  const pairs = Object.keys(values)
    .sort()
    .filter((key) => Boolean(values[key]))
    .map((key) => `${asciiJson(key)}: ${asciiJson(values[key])}`);
  return pairs.length === 0 ? '' : `{${pairs.join(', ')}}`;
}

function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** compat 3.20.1: in whose name the log tells that a veto came too late. */
const OPERATIONS: Readonly<Record<HookEvent, string>> = {
  backup: 'barman.backup',
  delete: 'barman.backup',
  recovery: 'barman.backup',
  archive: 'barman.wal_archiver',
  wal_delete: 'barman.wal_archiver',
};

interface Hook {
  readonly option: OptionName;
  readonly commandLine: string;
  readonly log: HookLog;
  /** Of the operation that goes on regardless. */
  readonly outcome: HookLog;
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
}

function scriptOptions(event: HookEvent, phase: HookPhase): OptionName[] {
  return phase === 'pre'
    ? [`pre_${event}_script`, `pre_${event}_retry_script`]
    : [`post_${event}_retry_script`, `post_${event}_script`];
}

function hookEnvironment(
  ctx: HookContext,
  config: ServerConfig,
  option: OptionName,
  phase: HookPhase,
  variables: HookVariables,
): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...ctx.env };
  for (const name of SECRET_VARIABLES) delete env[name];
  if (config.pathPrefix !== null) env.PATH = searchPath(config.pathPrefix, ctx.env);
  return {
    ...env,
    BARMAN_VERSION: COMPATIBLE_VERSION,
    BARMAN_SERVER: config.name,
    BARMAN_CONFIGURATION: ctx.configuration.path,
    BARMAN_HOOK: option.replace(/^(?:pre|post)_/, ''),
    BARMAN_PHASE: phase,
    BARMAN_RETRY: option.endsWith('_retry_script') ? '1' : '0',
    ...variables,
    BARMAN_ERROR: redactSecrets(variables.BARMAN_ERROR ?? '').slice(0, LONGEST_ERROR),
  };
}

/** The exit code; null when the script could not be started or a signal ended it. */
async function runOnce({ commandLine, env, log, signal }: Hook): Promise<number | null> {
  signal.throwIfAborted();
  const shown = redactSecrets(commandLine);
  log.debug(`Running hook script: ${shown}`);
  try {
    const result = await runShell(commandLine, { env, signal, keep: LONGEST_OUTPUT });
    const output = `${result.stdout}${result.stderr}`;
    if (result.code === 0) {
      log.debug(`${shown} returned 0${output === '' ? '' : `\nOutput details:\n${output}`}`);
    } else {
      log.warning(`${shown} returned ${result.code ?? result.signal}\nOutput details:\n${output}`);
    }
    signal.throwIfAborted();
    return result.code;
  } catch (error) {
    if (!(error instanceof BarmanError)) throw error;
    log.error(messageOf(error));
    return null;
  }
}

async function runRetryHook(hook: Hook, phase: HookPhase, pace: RetryPace): Promise<void> {
  const { log, signal } = hook;
  const shown = redactSecrets(hook.commandLine);
  for (let runs = 1; ; runs += 1) {
    const code = await runOnce(hook);
    if (code === 0) return;
    if (code === RESUME) {
      log.warning(`${shown} was aborted (got exit status ${RESUME}, Barman resumes)`);
      return;
    }
    if (code === STOP) {
      log.error(`${shown} was aborted (got exit status ${STOP}, Barman requested to stop)`);
      if (phase === 'pre') {
        throw new HookAbortError(`Abort '${hook.option}' retry hook script (${shown}, exit code: ${STOP})`, {
          level: 'exception',
        });
      }
      const kind = hook.option.replace('_retry_script', '').replaceAll('_', '-');
      hook.outcome.warning(
        `Ignoring stop request after receiving abort (exit code ${STOP}) from ${kind} retry hook script: ${shown}`,
      );
      return;
    }
    const isLong = runs % pace.runsInARow === 0;
    if (isLong)
      log.error(`Maximum attempts in a row reached: next run of ${shown} in ${pace.longPauseMs / 1000} seconds`);
    await pause(isLong ? pace.longPauseMs : pace.pauseMs, signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    // Only an abort ends a sleep early.
    signal.throwIfAborted();
  }
}
