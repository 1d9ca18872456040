/** A command line to compare, as data. */
import type { DifferenceName } from './differences.ts';

export interface LineOptions {
  /** Runs on a home of its own that is put back afterwards, and what it leaves there is compared. */
  readonly changes?: true;
  /** It asks or moves the running PostgreSQL: positions, ids and times of the two runs cannot be equal. */
  readonly moves?: true;
  /** The configuration file: all servers; all or a few with PostgreSQL down; or none (`-c` is left out). */
  readonly config?: 'seed' | 'down' | 'few' | 'none';
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input; `tar` is a tar stream of a waiting WAL file and its checksum. */
  readonly input?: string;
  /** Commands that prepare the home, typed like the line itself and run by the reference for both. */
  readonly after?: readonly string[];
  /** The deliberate difference that this line shows. */
  readonly differs?: DifferenceName;
}

/** `[area, what is typed after "barman", options]`. `@NAME.N` is the Nth oldest backup of a server, `@wal.NAME.N` its Nth
 * archived segment, `@out` an empty folder. */
export type Line = readonly [area: string, typed: string, options?: LineOptions];

/** Each line on the console, quietly, with debug messages, and as JSON. */
export function inEveryFormat(area: string, typed: readonly string[], options: LineOptions = {}): Line[] {
  return typed.flatMap((text) =>
    ['', '-f json ', '-q ', '-d ', '-q -f json '].map((globals) => [area, globals + text, options] as const),
  );
}

/** Each line on the console and as JSON. */
export function inBothFormats(area: string, typed: readonly string[], options: LineOptions = {}): Line[] {
  return typed.flatMap((text) => ['', '-f json '].map((globals) => [area, globals + text, options] as const));
}

export function lines(area: string, typed: readonly string[], options: LineOptions = {}): Line[] {
  return typed.map((text) => [area, text, options] as const);
}

/** Words as a shell splits them: blanks, and single quotes around a word or a part of one. */
export function words(typed: string): string[] {
  return [...typed.matchAll(/(?:[^\s']|'[^']*')+/g)].map(([word]) => word.replaceAll("'", ''));
}

/** The command of a line: the first word that is no global option and no value of one. */
export function commandOf(typed: string): string | undefined {
  const rest = words(typed);
  while (rest.length > 0) {
    const word = rest.shift() ?? '';
    if (word === '--') return rest[0];
    if (!word.startsWith('-')) return word;
    if (/^(-[qd]*[cf]|--(config|colou?r|log-level|format))$/.test(word)) rest.shift();
  }
  return undefined;
}
