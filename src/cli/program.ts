/**
 * argv -> what to do. commander reads the options; the words of a usage error, the `--opt` abbreviations and the order in
 * which problems are reported are Barman's (spec cli.md section 1).
 */
import { Command, CommanderError, Option } from 'commander';
import { COMMANDS, findCommand } from './commands.ts';
import { GLOBAL_OPTIONS } from './global-options.ts';
import { usageLine } from './help-text.ts';
import type { ArgumentSpec, CommandOptions, CommandSpec, OptionSpec } from './spec.ts';
import { type ValueParser, ValueRefused } from './values.ts';

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

/** The command line cannot be understood: usage and one line on stderr, exit code 2. */
export class UsageError extends Error {
  readonly command: CommandSpec | undefined;
  constructor(message: string, command?: CommandSpec) {
    super(message);
    this.command = command;
  }
}

/** @throws UsageError */
export function parseCommandLine(argv: readonly string[]): Invocation {
  const { before, name, after } = splitAtCommand(argv);
  const globals = readOptions(GLOBAL_OPTIONS, before, undefined);
  if (globals.values.help) return { kind: 'help' };
  if (globals.values.version) return { kind: 'version' };
  rejectUnrecognized(globals.rest);
  const chosen: GlobalOptions = {
    ...(typeof globals.values.config === 'string' ? { config: globals.values.config } : {}),
    ...(typeof globals.values.logLevel === 'string' ? { logLevel: globals.values.logLevel } : {}),
    color: (globals.values.color as GlobalOptions['color'] | undefined) ?? 'auto',
    format: (globals.values.format as GlobalOptions['format'] | undefined) ?? 'console',
    quiet: globals.values.quiet === true,
    debug: globals.values.debug === true,
  };
  if (name === undefined) return { kind: 'run', globals: chosen, options: {} };
  const command = findCommand(name);
  if (!command) throw new UsageError(`argument command: invalid choice: '${name}' (choose from ${commandWords()})`);
  const options = [{ flags: '-h, --help', help: '' }, ...command.options];
  const { values, rest } = readOptions(options, after, command);
  if (values.help) return { kind: 'help', command };
  const { help: _help, ...own } = values;
  return { kind: 'run', globals: chosen, command, options: { ...own, ...readArguments(command, rest) } };
}

function commandWords(): string {
  return COMMANDS.flatMap((command) => [command.name, ...(command.aliases ?? [])])
    .map((word) => `'${word}'`)
    .join(', ');
}

/** The command is the first word that is neither a global option nor the value of one. */
function splitAtCommand(argv: readonly string[]): { before: string[]; name?: string; after: string[] } {
  const before: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const word = expandLongOption(argv[index] ?? '', GLOBAL_OPTIONS, undefined);
    if (word === '--') {
      const name = argv[index + 1];
      return { before, ...(name === undefined ? {} : { name }), after: argv.slice(index + 2) };
    }
    if (!word.startsWith('-') || word === '-') return { before, name: word, after: argv.slice(index + 1) };
    before.push(word);
    const value = argv[index + 1];
    if (takesNextWord(word) && value !== undefined) {
      before.push(value);
      index += 1;
    }
  }
  return { before, after: [] };
}

function takesNextWord(word: string): boolean {
  if (word.startsWith('--')) return !word.includes('=') && /^--(config|colou?r|log-level|format)$/.test(word);
  // Bundled short flags: the value is glued unless the letter that takes one comes last.
  return /^-[hvqd]*[cf]$/.test(word);
}

/** `--quie` -> `--quiet`; an exact or unknown word stays. @throws UsageError when it is ambiguous */
function expandLongOption(word: string, options: readonly OptionSpec[], command: CommandSpec | undefined): string {
  if (!word.startsWith('--') || word === '--') return word;
  const [typed = '', ...value] = word.split('=');
  const longs = options.flatMap((option) => longNames(option));
  if (longs.includes(typed)) return word;
  const matches = longs.filter((long) => long.startsWith(typed));
  if (matches.length > 1) {
    throw new UsageError(`ambiguous option: ${word} could match ${matches.join(', ')}`, command);
  }
  return matches[0] === undefined ? word : [matches[0], ...value].join('=');
}

function longNames(option: OptionSpec): string[] {
  return [...option.flags.matchAll(/--[a-z0-9-]+/g)].map((match) => match[0]);
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
): ReadOptions {
  const end = words.indexOf('--');
  const own = end === -1 ? words : words.slice(0, end);
  const literal = end === -1 ? [] : words.slice(end + 1);
  const values: Record<string, unknown> = {};
  const reader = new Command().exitOverride().helpOption(false).allowUnknownOption().allowExcessArguments();
  reader.configureOutput({ writeErr: () => {}, writeOut: () => {} });
  const declared = new Set(specs.flatMap(longNames));
  for (const spec of specs) {
    for (const option of commanderOptions(spec, declared)) {
      reader.addOption(option.option);
      reader.on(`option:${option.option.name()}`, (text: string | null | undefined) => {
        const raw = text ?? spec.preset;
        values[option.key] =
          raw === undefined ? option.on : collect(values[option.key], convert(spec, raw, command), spec);
      });
    }
  }
  // commander stops reading options at the first unknown one, so each unknown word is set aside and the rest is read again.
  const rest: { word: string; isArgument: boolean }[] = [];
  let pending = own.map((word) => expandLongOption(word, specs, command));
  while (pending.length > 0) {
    let result: { operands: string[]; unknown: string[] };
    try {
      result = reader.parseOptions(pending);
    } catch (error) {
      throw asUsageError(error, command);
    }
    rest.push(...result.operands.map((word) => ({ word, isArgument: true })));
    const [unknown, ...remaining] = result.unknown;
    if (unknown !== undefined) rest.push({ word: unknown, isArgument: !unknown.startsWith('-') || unknown === '-' });
    pending = remaining;
  }
  rest.push(...literal.map((word) => ({ word, isArgument: true })));
  return { values, rest };
}

/** One commander option per long name; `-z, -x, --gzip` and `--color, --colour` have two spellings for one key. */
function commanderOptions(
  spec: OptionSpec,
  declared: ReadonlySet<string>,
): { option: Option; key: string; on: boolean }[] {
  const value = /[<[].*$/.exec(spec.flags)?.[0] ?? '';
  const names = spec.flags
    .replace(value, '')
    .split(/,\s*/)
    .map((name) => name.trim());
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

function asUsageError(error: unknown, command: CommandSpec | undefined): unknown {
  if (!(error instanceof CommanderError)) return error;
  const missing = /option '([^']+)' argument missing/.exec(error.message);
  const flags = missing?.[1]?.replace(/\s*[<[].*$/, '').replaceAll(', ', '/');
  return new UsageError(flags ? `argument ${flags}: expected one argument` : error.message, command);
}

function readArguments(command: CommandSpec, rest: ReadOptions['rest']): Record<string, unknown> {
  const words = rest.filter((item) => item.isArgument).map((item) => item.word);
  const values: Record<string, unknown> = {};
  const required = command.args.filter((arg) => !arg.optional);
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

/** The text of a usage error: usage, then the reason. */
export function usageErrorText(error: UsageError): string {
  const name = error.command ? `barman ${error.command.name}` : 'barman';
  return `${usageLine(error.command)}\n${name}: error: ${error.message}\n`;
}
