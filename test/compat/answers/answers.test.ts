/**
 * Word for word: every command line of the tables is given to Barman 3.20.1 and to us, on equal homes at the same paths; what
 * both print, their exit codes and the trees they leave must be equal, except for differences that have a name.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { referenceFolder } from '../../support/sandbox.ts';
import { CHANGING, RESTORING } from './changing.ts';
import { CONNECTED } from './connected.ts';
import { READING } from './reading.ts';
import {
  compareChanging,
  compareReading,
  HOW_TO_GET_THE_REFERENCE,
  prepare,
  SEEDING_LIMIT,
  type SideBySide,
} from './side-by-side.ts';
import { Tally } from './tally.ts';
import { USAGE } from './usage.ts';

if (referenceFolder === undefined) console.warn(HOW_TO_GET_THE_REFERENCE);

describe.skipIf(referenceFolder === undefined)('on a home made by Barman 3.20.1 (needs BARMAN_REFERENCE)', () => {
  const tally = new Tally('made by Barman 3.20.1');
  let stage: SideBySide;
  let before: readonly string[];

  beforeAll(async () => {
    stage = await prepare('reference');
    before = await stage.ground.tree();
  }, SEEDING_LIMIT);
  afterAll(async () => {
    await stage?.dispose();
    tally.print();
  });

  compareReading(tally, [...USAGE, ...READING], () => stage.ground);

  it('reading changed nothing', async () => {
    // `check` brings the layout of the homes that 3.4.0 left up to date; an index that was never there is made empty.
    const kept = (tree: readonly string[]) => tree.filter((line) => !/^home\/(gz|rs)\/|-xlog\.db:\n$/.test(line));
    expect(kept(await stage.ground.tree())).toEqual(kept(before));
  });

  compareChanging(tally, [...CHANGING, ...RESTORING, ...CONNECTED], () => stage.ground);
});
