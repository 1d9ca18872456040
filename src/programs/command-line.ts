/**
 * The command line of a client program, read as Python's argparse reads the reference's: options anywhere, `--opt value` and
 * `--opt=value`, unambiguous abbreviations, bundled short flags. commander would cost a third of the start time.
 */

export interface ClientOption {
  /** `-z`, where there is one. */
  readonly short?: string;
  readonly long: string;
  /** Name of the value in the help; a flag when it is left out. */
  readonly value?: string;
  readonly help: string;
  /** Reads the value. @throws Error with the words after the colon of the usage error */
  readonly parse?: (text: string) => unknown;
  /** Options of one group exclude each other. */
  readonly group?: string;
  /** An option that Barman lacks is not abbreviated: `--t` stays `--test`. */
  readonly isOurs?: true;
}

export interface ClientSpec {
  readonly program: string;
  readonly summary: string;
  readonly positionals: readonly string[];
  readonly options: readonly ClientOption[];
  /** Lines at the end of the help. */
  readonly notes: readonly string[];
}

export interface CommandLine {
  readonly positionals: readonly string[];
  /** By long name without dashes; flags are true. Of several options of one key, all, in the order they were typed. */
  readonly values: ReadonlyMap<string, unknown>;
}

/** The command line cannot be understood: exit code 2. */
export class UsageError extends Error {}

export function readCommandLine(spec: ClientSpec, argv: readonly string[]): CommandLine {
  const values = new Map<string, unknown>();
  const positionals: string[] = [];
  const unknown: string[] = [];
  const queue = [...argv];
  const set = (option: ClientOption, value: unknown) => {
    for (const other of option.group === undefined ? [] : spec.options) {
      if (other.group !== option.group || other === option || !values.has(keyOf(other))) continue;
      throw new UsageError(`argument ${nameOf(option)}: not allowed with argument ${nameOf(other)}`);
    }
    values.delete(keyOf(option));
    values.set(keyOf(option), value);
  };
  while (queue.length > 0) {
    const word = queue.shift() ?? '';
    if (word === '--') positionals.push(...queue.splice(0));
    else if (!word.startsWith('-') || word === '-') positionals.push(word);
    else if (!takeOption(spec, word, queue, set)) unknown.push(word);
  }
  if (values.has('help') || values.has('version')) return { positionals, values };
  const missing = spec.positionals.slice(positionals.length);
  if (missing.length > 0) throw new UsageError(`the following arguments are required: ${missing.join(', ')}`);
  unknown.push(...positionals.splice(spec.positionals.length));
  if (unknown.length > 0) throw new UsageError(`unrecognized arguments: ${unknown.join(' ')}`);
  return { positionals, values };
}

function takeOption(
  spec: ClientSpec,
  word: string,
  queue: string[],
  set: (option: ClientOption, value: unknown) => void,
): boolean {
  const { option, glued, rest } = word.startsWith('--') ? findLong(spec, word) : findShort(spec, word);
  if (option === undefined) return false;
  if (option.value === undefined) {
    if (glued !== undefined) throw new UsageError(`argument ${nameOf(option)}: ignored explicit argument '${glued}'`);
    set(option, true);
    if (rest !== undefined) queue.unshift(`-${rest}`);
    return true;
  }
  const text = glued ?? rest ?? nextValue(queue);
  if (text === undefined) throw new UsageError(`argument ${nameOf(option)}: expected one argument`);
  try {
    set(option, option.parse ? option.parse(text) : text);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`argument ${nameOf(option)}: ${(error as Error).message}`);
  }
  return true;
}

interface Found {
  readonly option?: ClientOption | undefined;
  /** The value after `=`. */
  readonly glued?: string | undefined;
  /** What follows a short flag in the same word. */
  readonly rest?: string | undefined;
}

function findLong(spec: ClientSpec, word: string): Found {
  const equals = word.indexOf('=');
  const typed = equals < 0 ? word : word.slice(0, equals);
  const glued = equals < 0 ? undefined : word.slice(equals + 1);
  const exact = spec.options.find(({ long }) => long === typed);
  if (exact !== undefined) return { option: exact, glued };
  const matches = spec.options.filter(({ long, isOurs }) => isOurs !== true && long.startsWith(typed));
  if (matches.length > 1) {
    throw new UsageError(`ambiguous option: ${word} could match ${matches.map(({ long }) => long).join(', ')}`);
  }
  return { option: matches[0], glued };
}

function findShort(spec: ClientSpec, word: string): Found {
  const option = spec.options.find(({ short }) => short === word.slice(0, 2));
  const rest = word.slice(2);
  return { option, rest: rest === '' ? undefined : rest };
}

/** A negative number is a value, any other word with a dash an option. */
function nextValue(queue: string[]): string | undefined {
  const [next] = queue;
  if (next === undefined || (next.startsWith('-') && next !== '-' && !/^-\d+$/.test(next))) return undefined;
  return queue.shift();
}

function keyOf(option: ClientOption): string {
  return option.long.slice(2);
}

function nameOf({ short, long }: ClientOption): string {
  return short === undefined ? long : `${short}/${long}`;
}

/** A whole number; Python's words when it is none. */
export function parseInteger(text: string): number {
  if (!/^\s*[-+]?\d+\s*$/.test(text)) throw new Error(`invalid int value: '${text}'`);
  return Number(text);
}

export function usageLine(spec: ClientSpec): string {
  return `usage: ${spec.program} [options] ${spec.positionals.join(' ')}\n`;
}

export function helpPage(spec: ClientSpec): string {
  const rows = spec.options.map(({ short, long, value, help }) => {
    const name = value === undefined ? long : `${long} ${value}`;
    return [short === undefined ? `    ${name}` : `${short}, ${name}`, help] as const;
  });
  const width = Math.max(...rows.map(([flags]) => flags.length)) + 2;
  const lines = rows.map(([flags, help]) => `  ${flags.padEnd(width)}${help}`);
  return [usageLine(spec), spec.summary, '', 'options:', ...lines, '', ...spec.notes, ''].join('\n');
}
