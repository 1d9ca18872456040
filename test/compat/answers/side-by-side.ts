/** What the suites over the two kinds of homes share: the ground they stand on, and how lines become tests. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { findCommand } from '../../../src/cli/commands.ts';
import { type Answer, ask, comparable, Ground } from '../../support/answers.ts';
import { freePort } from '../../support/cluster.ts';
import { makeSandbox } from '../../support/sandbox.ts';
import { type Maker, makeSeed, seedSections, startSmallCluster } from '../../support/seed.ts';
import { commandOf, type Line } from './line.ts';
import { expectSame, type Tally } from './tally.ts';

/** Seeding needs about 20 s on two processors; a busy machine may take ten times as long. */
export const SEEDING_LIMIT = 300_000;

export const HOW_TO_GET_THE_REFERENCE =
  'The side-by-side suite needs the programs of Barman 3.20.1: install it (for example the packages barman and barman-cli of\n' +
  'apt.postgresql.org) and name the folder of its programs, e.g. BARMAN_REFERENCE=/usr/bin npm run test:compat\n';

export interface SideBySide {
  readonly ground: Ground;
  dispose(): Promise<void>;
}

/** A cluster and a home full of catalogs made by one of the programs, set aside. */
export async function prepare(
  maker: Maker,
  finish: (ground: Ground) => Promise<void> = async () => {},
): Promise<SideBySide> {
  const cluster = await startSmallCluster();
  const box = await makeSandbox();
  const dispose = async () => {
    await cluster.dispose();
    await box.dispose();
  };
  try {
    await makeSeed(box, cluster, maker);
    const down = seedSections(box, cluster, await freePort());
    await writeFile(join(box.root, 'down.conf'), `${box.globalSection()}\n${down}`);
    const few = down.split(/^(?=\[)/m).filter((section) => /^\[(plain|stream|files|idle|broken)\]/.test(section));
    await writeFile(join(box.root, 'few.conf'), `${box.globalSection()}\n${few.join('')}`);
    const ground = new Ground(box);
    await mkdir(ground.out);
    await finish(ground);
    await ground.setAside();
    return { ground, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The lines whose command we have; the others are counted. */
export function linesHere(tally: Tally, table: readonly Line[]): readonly Line[] {
  const missing = ([, typed, options]: Line) =>
    [typed, ...(options?.after ?? [])]
      .map((text) => commandOf(text))
      .find((name) => name !== undefined && name !== 'nosuch' && findCommand(name) === undefined);
  for (const line of table) {
    const command = missing(line);
    if (command !== undefined) tally.missing(command);
  }
  return table.filter((line) => missing(line) === undefined);
}

/**
 * Lines that change nothing: two at a time on one home, each asked of the one program and then of the other. Those that
 * count PostgreSQL's clients have it for themselves.
 */
export function compareReading(tally: Tally, table: readonly Line[], ground: () => Ground): void {
  const counts = ([area]: Line) => area === 'replication-status';
  const compare = async (line: Line) => {
    const [, typed, options = {}] = line;
    const theirs = await ask(ground(), 'reference', typed, options);
    check(tally, line, { theirs, ours: await ask(ground(), 'barman', typed, options) });
  };
  const all = linesHere(tally, table);
  const turns = new Turns(2);
  describe.concurrent('reading', () => {
    it.each(all.filter((line) => !counts(line)))('%s: %s', (...line) =>
      turns.take(() => compare(line as unknown as Line)),
    );
  });
  const alone = all.filter(counts);
  if (alone.length === 0) return;
  describe('counting clients', () => {
    it.each(alone)('%s: %s', (...line) => compare(line as unknown as Line));
  });
}

/** Lines that change something: each program has a fresh copy of the home. */
export function compareChanging(tally: Tally, table: readonly Line[], ground: () => Ground): void {
  describe('changing', () => {
    it.each([...linesHere(tally, table)])('%s: %s', async (...line) => {
      const [, typed, options = {}] = line as unknown as Line;
      let aside: string | undefined;
      if (options.after) {
        const preparing = {
          changes: true,
          ...(options.config === undefined ? {} : { config: options.config }),
        } as const;
        await ground().putBack();
        for (const before of options.after) await ask(ground(), 'reference', before, preparing);
        aside = await ground().setAside('prepared');
      }
      const run = async (program: Maker) => {
        await ground().putBack(aside);
        return ask(ground(), program, typed, options);
      };
      check(tally, line as unknown as Line, { theirs: await run('reference'), ours: await run('barman') });
    });
  });
}

function check(tally: Tally, line: Line, { theirs, ours }: { theirs: Answer; ours: Answer }): void {
  const options = line[2] ?? {};
  tally.compared(line, () => expectSame(comparable(theirs, options), comparable(ours, options), options.differs));
}

/** At most so many at once, in the order in which they asked. */
class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  constructor(atOnce: number) {
    this.#free = atOnce;
  }
  async take<T>(body: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await body();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
