/** Compares two answers and counts how it went; prints the table at the end. */
import { expect } from 'vitest';
import type { Answer } from '../../support/answers.ts';
import { type Becomes, type DifferenceName, DIFFERENCES } from './differences.ts';
import type { Line } from './line.ts';

/** @throws when they differ without a named difference, or when a named difference is not there, or is more than it says */
export function expectSame(theirs: Answer, ours: Answer, differs: DifferenceName | undefined): void {
  if (differs === undefined) {
    expect(ours).toEqual(theirs);
    return;
  }
  expect(ours, `"${differs}" is no difference here any more: take the mark away`).not.toEqual(theirs);
  const becomes: Becomes = DIFFERENCES[differs];
  expect(ours).toEqual(becomes(theirs, ours));
}

interface Counts {
  compared: number;
  identical: number;
  different: number;
  failed: number;
}

/** Entries in the order of their names. */
function byName<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([left], [right]) => (left < right ? -1 : 1));
}

export class Tally {
  readonly #title: string;
  readonly #areas = new Map<string, Counts>();
  readonly #differences = new Map<string, number>();
  readonly #missing = new Map<string, number>();

  constructor(title: string) {
    this.#title = title;
  }

  /** A line of a command that we do not have yet. */
  missing(command: string): void {
    this.#missing.set(command, (this.#missing.get(command) ?? 0) + 1);
  }

  compared([area, , options]: Line, compare: () => void): void {
    const counts = this.#areas.get(area) ?? { compared: 0, identical: 0, different: 0, failed: 0 };
    this.#areas.set(area, counts);
    counts.compared += 1;
    try {
      compare();
    } catch (error) {
      counts.failed += 1;
      throw error;
    }
    if (options?.differs === undefined) counts.identical += 1;
    else {
      counts.different += 1;
      this.#differences.set(options.differs, (this.#differences.get(options.differs) ?? 0) + 1);
    }
  }

  print(): void {
    const row = (name: string, { compared, identical, different, failed }: Counts) =>
      `${name.padEnd(28)}${[compared, identical, different, failed].map((count) => String(count).padStart(11)).join('')}`;
    const sum = { compared: 0, identical: 0, different: 0, failed: 0 };
    for (const counts of this.#areas.values()) {
      for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] += counts[key];
    }
    const list = (title: string, counts: ReadonlyMap<string, number>) =>
      counts.size === 0
        ? []
        : ['', title, ...byName(counts).map(([name, count]) => `  ${name.padEnd(26)}${String(count).padStart(11)}`)];
    process.stdout.write(
      [
        '',
        `Command lines beside Barman 3.20.1, on a home ${this.#title}`,
        `${'area'.padEnd(28)}${['compared', 'identical', 'deliberate', 'FAILED'].map((word) => word.padStart(11)).join('')}`,
        ...byName(this.#areas).map(([name, counts]) => row(name, counts)),
        row('all', sum),
        ...list('Deliberate differences (docs/compatibility.md)', this.#differences),
        ...list('Not here yet, not compared', this.#missing),
        '',
      ].join('\n'),
    );
  }
}
