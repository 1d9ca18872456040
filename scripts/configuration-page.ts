/** docs/configuration.md from the option table and what its options mean. `npm run docs` writes it; a test compares. */
import { GLOBAL_MEANINGS, SUBJECTS, type Subject } from '../src/config/option-meanings.ts';
import { type Option, OPTIONS, type OptionName } from '../src/config/options.ts';
import {
  absolutePath,
  bool,
  directoryOrUrl,
  integer,
  interval,
  list,
  size,
  slotName,
  text,
} from '../src/config/parsers.ts';

const OPTION_TABLE: Readonly<Record<OptionName, Option<unknown>>> = OPTIONS;

/** What may be written, told from the parser. */
const TYPES = new Map<unknown, string>([
  [absolutePath, 'path from `/`'],
  [bool, 'on or off'],
  [directoryOrUrl, 'path'],
  [integer, 'whole number'],
  [interval, 'interval'],
  [list, 'list'],
  [size, 'size'],
  [slotName, 'name of a slot'],
  [text, 'text'],
]);

const SCOPES = { G: '`[barman]`', S: 'server', M: 'model' } as const;

const HEAD = `# Configuration

Every option that is known, with its place, what may be written, what holds when nothing is written, the release of Barman that brought it
(\`ours\`: Barman warns about it and goes on), and what it is for. This page is made by \`npm run docs\` from \`src/config/options.ts\` and
\`src/config/option-meanings.ts\`: change those. How files are found and read, what is a warning and what an error:
[behaviour/config.md](behaviour/config.md).

- **Where.** \`[barman]\`: for all servers that do not say otherwise. server: in the section of a server. model: in a section with
  \`model = true\`, in force after \`barman config-switch\`.
- **on or off**: also \`true\`, \`yes\`, \`1\` and \`false\`, \`no\`, \`0\`. **interval**: \`2 days\`, \`1 week\`; also hours and months of 31 days. **size**:
  bytes, or a number with \`k\`, \`M\`, \`G\`, \`T\` (thousands) or \`Ki\`, \`Mi\`, \`Gi\`, \`Ti\` (1024s). **list**: with commas. A **command line** is given to the
  shell.
- A default with \`%(name)s\` in it takes the value of that option of the same server.
`;

/** The whole page. */
export function configurationPage(): string {
  return [HEAD, globals(), ...SUBJECTS.map(subject)].join('\n');
}

function globals(): string {
  const rows = Object.entries(GLOBAL_MEANINGS).map(([name, [type, fallback, since, meaning]]) =>
    row([code(name), type, fallback, since, meaning]),
  );
  return table('The program: only in `[barman]`', undefined, ['Option', 'Type', 'Default', 'Since', 'Meaning'], rows);
}

function subject({ title, text: about, options }: Subject): string {
  const rows = options.map(([name, since, meaning, allowed]) => {
    const option = OPTION_TABLE[name];
    const where = option.scopes
      .split('')
      .map((letter) => SCOPES[letter as keyof typeof SCOPES])
      .join(', ');
    return row([code(name), where, typeOf(name, option, allowed), fallbackOf(option), since, meaning]);
  });
  return table(title, about, ['Option', 'Where', 'Type', 'Default', 'Since', 'Meaning'], rows);
}

function table(title: string, about: string | undefined, head: readonly string[], rows: readonly string[]): string {
  return [
    `## ${title}`,
    ...(about === undefined ? [] : ['', about]),
    '',
    row(head),
    row(head.map(() => '---')),
    ...rows,
    '',
  ].join('\n');
}

function typeOf(name: OptionName, option: Option<unknown>, allowed: readonly string[] | string | undefined): string {
  if (typeof allowed === 'string') return allowed;
  if (allowed !== undefined) return allowed.map(code).join(', ');
  if (name.endsWith('_directory')) return 'path';
  const type = TYPES.get(option.parse);
  if (type === undefined) throw new Error(`option-meanings.ts does not say what may be written for ${name}`);
  return type;
}

function fallbackOf({ fallback, parse }: Option<unknown>): string {
  if (fallback === null || (fallback instanceof Set && fallback.size === 0)) return 'none';
  if (typeof fallback === 'boolean') return code(fallback ? 'on' : 'off');
  if (typeof fallback === 'number' && parse === size) return code(`${fallback / 1024 ** 3}Gi`);
  return code(`${fallback as string | number}`);
}

const code = (text: string) => `\`${text}\``;
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
