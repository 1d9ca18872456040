/** Bounded concurrency: never more than asked, every item, and what a failure does to the rest. */
import { describe, expect, it } from 'vitest';
import { inParallel } from '../../../src/domain/in-parallel.ts';

describe('inParallel', () => {
  it('never runs more than asked, and runs all', async () => {
    let running = 0;
    let most = 0;
    const done: number[] = [];
    await inParallel([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running -= 1;
      done.push(item);
    });
    expect({ most, done: done.sort((left, right) => left - right) }).toEqual({ most: 3, done: [1, 2, 3, 4, 5, 6, 7] });
  });

  it('tells every run which worker it is', async () => {
    const workers = new Set<number>();
    await inParallel(['a', 'b', 'c', 'd'], 2, async (_item, worker) => {
      workers.add(worker);
      await new Promise((resolve) => setImmediate(resolve));
    });
    expect(workers).toEqual(new Set([0, 1]));
  });

  it('starts nothing after a failure, waits for what runs and throws the first', async () => {
    const begun: string[] = [];
    const over: string[] = [];
    const work = inParallel(['slow', 'bad', 'never'], 2, async (item) => {
      begun.push(item);
      if (item === 'bad') throw new Error('first');
      await new Promise((resolve) => setTimeout(resolve, 5));
      over.push(item);
      throw new Error('second');
    });
    await expect(work).rejects.toThrow('first');
    expect({ begun, over }).toEqual({ begun: ['slow', 'bad'], over: ['slow'] });
  });
});
