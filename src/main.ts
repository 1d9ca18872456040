/**
 * argv in, exit code out. The only place that turns an error into text and a code; everything that a bare
 * `--version` does not need is imported when it is needed.
 */
import { fstatSync, writeSync } from 'node:fs';
import type { CommandSpec } from './cli/spec.ts';
import type { GlobalOptions, Invocation } from './cli/program.ts';
import type { Log } from './host/log.ts';
import type { Output } from './output/output.ts';
import type { CommandContext } from './server/context.ts';
import { FatalConfigError } from './config/fatal.ts';
import { BarmanError, messageOf, withHint } from './domain/errors.ts';
import { VERSION_LINE } from './domain/version.ts';
import { tellStandardError } from './host/standard-error.ts';

const SIGNAL_CODES: Readonly<Record<string, number>> = { SIGINT: 1, SIGTERM: 143 };

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === '--version' || argv[0] === '-v') return printVersion();
  if (argv.length === 1 && (argv[0] === '--help' || argv[0] === '-h')) return printHelp();
  watchOutput();
  if (argv[0] === '__complete') return (await import('./cli/complete.ts')).printCandidates(argv.slice(1));
  const { parseCommandLine } = await import('./cli/program.ts');
  const { UsageError, usageErrorText } = await import('./cli/usage-error.ts');
  let invocation: Invocation;
  try {
    invocation = parseCommandLine(argv);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(usageErrorText(error, { withHint: process.stderr.isTTY }));
    return 2;
  }
  switch (invocation.kind) {
    case 'version':
      return printVersion();
    case 'help':
      return printHelp(invocation.command);
    case 'run':
      if (invocation.command?.standsAlone) return runAlone(invocation.command, invocation.options);
      return runCommand(invocation);
  }
}

function printVersion(): number {
  print(`${VERSION_LINE}\n`);
  return 0;
}

async function printHelp(command?: CommandSpec): Promise<number> {
  print(await helpPage(command));
  return 0;
}

/** Without the streams of Node, which take longer to load than all the rest of a short answer. */
function print(text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  try {
    while (written < bytes.length) written += writeSync(1, bytes, written);
  } catch {
    // A reader that is slow, or gone: they know what to do.
    watchOutput();
    process.stdout.write(bytes.subarray(written));
  }
}

async function helpPage(command?: CommandSpec): Promise<string> {
  const { helpText } = await import('./cli/help-text.ts');
  const columns = Number(process.env.COLUMNS) || (fstatSync(1).isCharacterDevice() ? process.stdout.columns : 0) || 80;
  return helpText(Math.max(columns - 2, 40), command);
}

async function runAlone(command: CommandSpec, options: unknown): Promise<number> {
  const run = (await command.load()).run as (ctx: unknown, options: unknown) => Promise<void>;
  await run(undefined, options);
  return 0;
}

/** Steps in Barman's order: main file, user, log, writer, included files, command. */
async function runCommand(invocation: Extract<Invocation, { kind: 'run' }>): Promise<number> {
  const { globals } = invocation;
  printsNews = invocation.command?.printsNews === true;
  const env = { ...process.env };
  const started = await startUp(globals, env, invocation.options.nagios === true);
  if (typeof started === 'number') return started;
  const { log, output } = started;
  try {
    const config = await started.loadConfig(output);
    const abort = new AbortController();
    const ctx: CommandContext = {
      configuration: config,
      output,
      log,
      now: () => new Date(),
      signal: abort.signal,
      env,
    };
    const spec = invocation.command;
    const options = await commandOptions(invocation);
    const module = spec ? await spec.load() : await import('./commands/help.ts');
    const run = module.run as (ctx: CommandContext, options: unknown) => Promise<void>;
    const code = await untilSignal(abort, spec?.handlesSignals === true, () => run(ctx, options), output);
    return code ?? output.close();
  } catch (error) {
    if (error instanceof FatalConfigError) {
      process.stderr.write(`${error.message}\n`);
      return error.exitCode;
    }
    reportFailure(error, output);
    return output.close() || 1;
  }
}

async function commandOptions(invocation: Extract<Invocation, { kind: 'run' }>): Promise<unknown> {
  if (invocation.command && invocation.command.name !== 'help') return invocation.options;
  return { page: await helpPage() };
}

interface Started {
  readonly log: Log;
  readonly output: Output;
  readonly loadConfig: (output: Output) => Promise<CommandContext['configuration']>;
}

/** Problems before the writer exists go to stderr as plain text: the exit code is returned. */
async function startUp(globals: GlobalOptions, env: NodeJS.ProcessEnv, nagios: boolean): Promise<Started | number> {
  const { readMainFile, loadConfig } = await import('./config/load.ts');
  const { openLog, parseLogLevel } = await import('./host/log.ts');
  const { redactSecrets } = await import('./domain/redaction.ts');
  const { useHostZone } = await import('./domain/time/local-time.ts');
  const { findHostZone } = await import('./host/host-zone.ts');
  useHostZone(() => findHostZone(env));
  try {
    const main = readMainFile({ ...(globals.config === undefined ? {} : { path: globals.config }), env });
    const { becomeUser } = await import('./cli/user.ts');
    becomeUser(main.global.barmanUser, env);
    const wanted = globals.logLevel ?? main.global.logLevel;
    const level = parseLogLevel(wanted);
    const log = openLog({
      file: main.global.logFile,
      level: level ?? 20,
      format: main.global.logFormat,
      redact: redactSecrets,
    });
    if (level === undefined) log.named('barman.cli').warning(`unknown log_level in config file: ${wanted}`);
    const output = await openOutput(globals, log, nagios);
    return {
      log,
      output,
      loadConfig: async () => {
        const config = loadConfig(main);
        for (const { level: kind, logger, text } of config.logMessages) log.named(logger)[kind](text);
        for (const warning of config.warnings) output.warning(warning);
        for (const error of config.errors) output.error(error);
        return config;
      },
    };
  } catch (error) {
    if (!(error instanceof BarmanError)) throw error;
    process.stderr.write(`${redactSecrets(startUpText(error))}\n`);
    return error.exitCode;
  }
}

function startUpText(error: BarmanError): string {
  const text =
    error.level === 'exception' ? `EXCEPTION: ${error.message}\nSee log file for more details.` : error.message;
  return withHint(text, error.hint);
}

async function openOutput(globals: GlobalOptions, log: Log, nagios: boolean): Promise<Output> {
  const streams = { stdout: process.stdout, stderr: process.stderr };
  const messages = log.named('barman.cli');
  if (nagios) {
    const { nagiosOutput } = await import('./output/nagios.ts');
    // compat 3.20.1: with -f json the empty document comes first.
    return nagiosOutput({ stdout: process.stdout, prefix: globals.format === 'json' ? '{}' : '', log: messages });
  }
  if (globals.format === 'json') {
    const { jsonOutput } = await import('./output/json.ts');
    return jsonOutput({ ...streams, quiet: globals.quiet, debug: globals.debug, log: messages });
  }
  const { consoleOutput } = await import('./output/console.ts');
  return consoleOutput({
    ...streams,
    color: globals.color,
    quiet: globals.quiet,
    debug: globals.debug,
    log: messages,
  });
}

/**
 * Runs the body. A body that handles signals is told through the abort signal and awaited; the others are left where they
 * are: SIGINT says so and ends with 1, SIGTERM keeps its default action. Returns a code only when a signal decided it.
 */
async function untilSignal(
  abort: AbortController,
  handlesSignals: boolean,
  body: () => Promise<void>,
  output: Output,
): Promise<number | undefined> {
  let stopped: string | undefined;
  const interrupted = new Promise<void>((resolve) => {
    const onSignal = (name: NodeJS.Signals) => {
      stopped ??= name;
      abort.abort(name);
      if (!handlesSignals) resolve();
    };
    process.on('SIGINT', onSignal);
    if (handlesSignals) process.on('SIGTERM', onSignal);
  });
  try {
    await Promise.race([body(), interrupted]);
  } catch (error) {
    if (stopped === undefined || !isAbort(error)) throw error;
    if (stopped === 'SIGINT') output.error('Process interrupted by user (KeyboardInterrupt)');
    return output.close() || (SIGNAL_CODES[stopped] ?? 1);
  }
  if (stopped === undefined || handlesSignals) return undefined;
  output.error('Process interrupted by user (KeyboardInterrupt)');
  return output.close();
}

function isAbort(error: unknown): boolean {
  return error === 'SIGINT' || error === 'SIGTERM' || (error instanceof Error && error.name === 'AbortError');
}

function reportFailure(error: unknown, output: Output): void {
  if (error instanceof BarmanError && error.level === 'error') {
    output.error(withHint(error.message, error.hint), { exitCode: error.exitCode });
    return;
  }
  const stack = error instanceof Error ? error.stack : undefined;
  const hint = error instanceof BarmanError ? error.hint : undefined;
  output.exception(withHint(`${messageOf(error)}\nSee log file for more details.`, hint), stack);
}

/** Nobody waits for what is printed: see CommandSpec. */
let printsNews = false;

/**
 * Our output cannot be written: its reader went away (`barman ... | head`), or its disk is full. Without what was asked for
 * the command has failed; work goes on without its news.
 */
function onOutputLost(error: NodeJS.ErrnoException): void {
  if (printsNews) {
    if (!isOutputLost)
      tellStandardError(`WARNING: cannot write the output: ${error.message}. The work goes on without it.\n`);
    isOutputLost = true;
    return;
  }
  const text = error.code === 'EPIPE' ? '[Errno 32] Broken pipe' : `cannot write the output: ${error.message}`;
  tellStandardError(`EXCEPTION: ${text}\nSee log file for more details.\n`);
  process.exit(120);
}

/** A promise that nothing can settle any more would end the process as if all were well: it must not look so. */
let isFinished = false;
process.on('exit', () => {
  if (isFinished || process.exitCode === 120) return;
  tellStandardError('EXCEPTION: the command ended before its work was done: this is a defect of this program\n');
  process.exitCode = 1;
});

let isWatched = false;
let isOutputLost = false;
function watchOutput(): void {
  if (isWatched) return;
  isWatched = true;
  process.stdout.on('error', onOutputLost);
  // What is told there is in the log, and the exit code says the rest.
  process.stderr.on('error', () => {});
}

/** Not awaited at the top: the bundle of the WAL commands is CommonJS. */
void (async () => {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`EXCEPTION: ${messageOf(error)}\n`);
    if (process.env.BARMAN_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
  }
  isFinished = true;
  // A closed pipe is only told to the next write.
  if (isWatched) await new Promise((resolve) => process.stdout.write('', resolve));
  // A forgotten timer or socket must not keep a finished command alive: output is written synchronously to files and pipes.
  process.exit();
})();
