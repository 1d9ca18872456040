/**
 * argv -> what to do. commander reads the options; the words of a usage error, the `--opt` abbreviations and the order in
 * which problems are reported are Barman's (docs/behaviour/cli.md 1).
 */
import { Command, CommanderError, Option } from 'commander';
import { closest } from '../domain/text/closest.ts';
import { COMMANDS, findCommand } from './commands.ts';
import { GLOBAL_OPTIONS } from './global-options.ts';
import { modernWords } from './old-spellings.ts';
import type { ArgumentSpec, CommandOptions, CommandSpec, OptionSpec } from './spec.ts';
import { UsageError } from './usage-error.ts';
import { type ValueParser, ValueRefused } from './values.ts';
import { expandLongOption, flagNames, globalsBehind, longNames, splitAtCommand, type SplitWords } from './words.ts';

export interface GlobalOptions {
  readonly config?: string;
  readonly color: 'never' | 'always' | 'auto';
  readonly logLevel?: string;
  readonly quiet: boolean;
  readonly debug: boolean;
  readonly format: 'console' | 'json';
}

export type Invocation =
  | { readonly kind: 'version' }
  | { readonly kind: 'help'; readonly command?: CommandSpec }
  | {
      readonly kind: 'run';
      readonly globals: GlobalOptions;
      /** Undefined when no command was typed: general help, once the configuration was read. */
      readonly command?: CommandSpec;
      readonly options: CommandOptions;
    };

/**
 * Barman's reading of the words; where it has none, the spellings of published guides: old command names, and global
 * options behind the command. A real command, option or server name wins, and what neither reading understands is refused
 * in Barman's words. @throws UsageError
 */
export function parseCommandLine(argv: readonly string[]): Invocation {
  const words = modernWords(splitAtCommand(argv));
  try {
    return parseWords(words, []);
  } catch (refusal) {
    if (!(refusal instanceof UsageError)) throw refusal;
    const command = words.name === undefined ? undefined : findCommand(words.name);
    if (command === undefined || words.after.length === 0) throw refusal;
    try {
      return parseWords(words, globalsBehind(command));
    } catch (error) {
      throw error instanceof UsageError ? refusal : error;
    }
  }
}

/** `late` are the global options that may also stand behind the command. */
function parseWords({ before, name, after }: SplitWords, late: readonly OptionSpec[]): Invocation {
  const globals = readOptions(GLOBAL_OPTIONS, before, undefined);
  if (globals.values.help) return { kind: 'help' };
  if (globals.values.version) return { kind: 'version' };
  rejectUnrecognized(globals.rest);
  if (name === undefined) return { kind: 'run', globals: globalOptions(globals.values), options: {} };
  const command = findCommand(name);
  if (!command) throw unknownCommand(name);
  const options = [{ flags: '-h, --help', help: '' }, ...command.options];
  const { values, rest } = readOptions(options, after, command, late);
  if (values.help) return { kind: 'help', command };
  const { help: _help, ...given } = values;
  const lateKeys = new Set(late.map(keyOf));
  const own = Object.fromEntries(Object.entries(given).filter(([key]) => !lateKeys.has(key)));
  return {
    kind: 'run',
    globals: globalOptions({ ...globals.values, ...(late.length > 0 ? given : {}) }),
    command,
    options: { ...own, ...readArguments(command, rest, own) },
  };
}

function globalOptions(values: Record<string, unknown>): GlobalOptions {
  return {
    ...(typeof values.config === 'string' ? { config: values.config } : {}),
    ...(typeof values.logLevel === 'string' ? { logLevel: values.logLevel } : {}),
    color: (values.color as GlobalOptions['color'] | undefined) ?? 'auto',
    format: (values.format as GlobalOptions['format'] | undefined) ?? 'console',
    quiet: values.quiet === true,
    debug: values.debug === true,
  };
}

function unknownCommand(name: string): UsageError {
  const words = COMMANDS.flatMap((command) => [command.name, ...(command.aliases ?? [])]);
  const [near] = closest(name, words);
  const hint = near === undefined ? 'type "barman --help" for the list of commands' : `did you mean "barman ${near}"?`;
  const choices = words.map((word) => `'${word}'`).join(', ');
  return new UsageError(`argument command: invalid choice: '${name}' (choose from ${choices})`, undefined, hint);
}

function shortNames(option: OptionSpec): string[] {
  return option.flags.match(/(?<!\S)-[a-zA-Z]\b/g) ?? [];
}

interface ReadOptions {
  readonly values: Record<string, unknown>;
  /** Words that are no known option, in order; `--` and what follows it marked as arguments. */
  readonly rest: readonly { readonly word: string; readonly isArgument: boolean }[];
}

function readOptions(
  specs: readonly OptionSpec[],
  words: readonly string[],
  command: CommandSpec | undefined,
  unabbreviated: readonly OptionSpec[] = [],
): ReadOptions {
  const end = words.indexOf('--');
  const own = end === -1 ? words : words.slice(0, end);
  const literal = end === -1 ? [] : words.slice(end + 1);
  const values: Record<string, unknown> = {};
  const reader = new Command().exitOverride().helpOption(false).allowUnknownOption().allowExcessArguments();
  reader.configureOutput({ writeErr: () => {}, writeOut: () => {} });
  const known = [...specs, ...unabbreviated];
  const declared = new Set(known.flatMap(longNames));
  for (const spec of known) {
    for (const option of commanderOptions(spec, declared)) {
      reader.addOption(option.option);
      reader.on(`option:${option.option.name()}`, (text: string | null | undefined) => {
        const raw = text ?? spec.preset;
        values[option.key] =
          raw === undefined ? option.on : collect(values[option.key], convert(spec, raw, command), spec);
      });
    }
  }
  for (const word of own) rejectExplicitArgument(word, specs, command);
  // commander stops reading options at the first unknown one, so each unknown word is set aside and the rest is read again.
  const rest: { word: string; isArgument: boolean }[] = [];
  let pending = own.map((word) => (isOneOf(word, unabbreviated) ? word : expandLongOption(word, specs, command)));
  while (pending.length > 0) {
    let result: { operands: string[]; unknown: string[] };
    try {
      result = reader.parseOptions(pending);
    } catch (error) {
      throw asUsageError(error, known, command);
    }
    rest.push(...result.operands.map((word) => ({ word, isArgument: true })));
    const [unknown, ...remaining] = result.unknown;
    if (unknown !== undefined) rest.push({ word: unknown, isArgument: !unknown.startsWith('-') || unknown === '-' });
    pending = remaining;
  }
  rest.push(...literal.map((word) => ({ word, isArgument: true })));
  return { values, rest };
}

/** `--minimal=yes`, `-rx`: a flag takes no value, and bundles with other flags only. @throws UsageError */
function rejectExplicitArgument(word: string, specs: readonly OptionSpec[], command: CommandSpec | undefined): void {
  const [long, value] = expandLongOption(word, specs, command).split(/=([^]*)/, 2);
  const bundle = /^-([a-zA-Z])(.+)$/.exec(word);
  const spec = specs.find((option) => {
    if (/[<[]/.test(option.flags)) return false;
    return bundle ? shortNames(option).includes(`-${bundle[1]}`) : longNames(option).includes(long ?? '');
  });
  if (spec === undefined) return;
  if (bundle) {
    const next = `-${bundle[2]}`;
    if (specs.some((option) => shortNames(option).includes(next.slice(0, 2))))
      rejectExplicitArgument(next, specs, command);
    else throw new UsageError(`argument ${displayName(spec)}: ignored explicit argument '${bundle[2]}'`, command);
  } else if (value !== undefined) {
    throw new UsageError(`argument ${displayName(spec)}: ignored explicit argument '${value}'`, command);
  }
}

/** One commander option per long name; `-z, -x, --gzip` and `--color, --colour` have two spellings for one key. */
function commanderOptions(
  spec: OptionSpec,
  declared: ReadonlySet<string>,
): { option: Option; key: string; on: boolean }[] {
  const value = /[<[].*$/.exec(spec.flags)?.[0] ?? '';
  const names = flagNames(spec.flags);
  const longs = names.filter((name) => name.startsWith('--'));
  const shorts = names.filter((name) => !name.startsWith('--'));
  const main = longs[0] ?? '';
  const positive = main.replace(/^--no-/, '--');
  const negates = main.startsWith('--no-') && declared.has(positive);
  const key = camelCase((negates ? positive : main).slice(2));
  const make = (flags: string) => {
    const option = new Option(`${flags} ${value}`.trim());
    option.negate = false;
    return { option, key, on: !negates };
  };
  const [firstShort, ...moreShorts] = shorts;
  return [
    make(firstShort === undefined ? main : `${firstShort}, ${main}`),
    ...longs.slice(1).map((long) => make(long)),
    ...moreShorts.map((short) => make(`${short}, ${main}-${short.slice(1)}`)),
  ];
}

/** Is the word one of these long options, written out? */
function isOneOf(word: string, options: readonly OptionSpec[]): boolean {
  return options.some((option) => longNames(option).includes(word.split('=', 1)[0] ?? ''));
}

/** `--log-level <LEVEL>` -> `logLevel` */
function keyOf(option: OptionSpec): string {
  return camelCase((longNames(option)[0] ?? '').slice(2));
}

function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function collect(previous: unknown, value: unknown, spec: OptionSpec): unknown {
  if (!spec.repeatable) return value;
  return [...(Array.isArray(previous) ? (previous as unknown[]) : []), value];
}

function convert(spec: OptionSpec, text: string, command: CommandSpec | undefined): unknown {
  return parseValue(spec.parse, text, () => displayName(spec), command);
}

function convertArgument({ name, parse }: ArgumentSpec, text: string, command: CommandSpec): unknown {
  return parseValue(parse, text, () => name, command);
}

function parseValue(
  parse: ValueParser | undefined,
  text: string,
  nameOf: () => string,
  command: CommandSpec | undefined,
): unknown {
  if (!parse) return text;
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof ValueRefused) throw new UsageError(`argument ${nameOf()}: ${error.message}`, command);
    throw error;
  }
}

/** `-c/--config`, as usage errors name an option. */
function displayName(spec: OptionSpec): string {
  return spec.flags.replace(/\s*[<[].*$/, '').replaceAll(', ', '/');
}

function asUsageError(error: unknown, specs: readonly OptionSpec[], command: CommandSpec | undefined): unknown {
  if (!(error instanceof CommanderError)) return error;
  const [long] = /--[a-z0-9-]+(?=[^']*' argument missing)/.exec(error.message) ?? [];
  const spec = specs.find((option) => long !== undefined && longNames(option).includes(long));
  return new UsageError(spec ? `argument ${displayName(spec)}: expected one argument` : error.message, command);
}

function readArguments(
  command: CommandSpec,
  rest: ReadOptions['rest'],
  options: Record<string, unknown>,
): Record<string, unknown> {
  const words = rest.filter((item) => item.isArgument).map((item) => item.word);
  const values: Record<string, unknown> = {};
  const mayMiss = ({ optional, optionalWith }: ArgumentSpec) =>
    optional === true || (optionalWith !== undefined && options[optionalWith] === true);
  const required = command.args.filter((arg) => !mayMiss(arg));
  const missing = required.slice(words.length).map((arg) => arg.name);
  if (missing.length > 0) throw new UsageError(`the following arguments are required: ${missing.join(', ')}`, command);
  for (const arg of command.args) {
    if (arg.variadic) values[arg.key] = words.splice(0);
    else if (words.length > 0) values[arg.key] = convertArgument(arg, words.shift() ?? '', command);
  }
  const extra = new Set(words);
  rejectUnrecognized(rest.filter((item) => !item.isArgument || extra.has(item.word)));
  return values;
}

function rejectUnrecognized(rest: ReadOptions['rest']): void {
  if (rest.length === 0) return;
  throw new UsageError(`unrecognized arguments: ${rest.map((item) => item.word).join(' ')}`);
}
