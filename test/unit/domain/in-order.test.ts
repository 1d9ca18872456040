import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { inOrder } from '../../../src/domain/in-order.ts';

it('ends in order what it began ahead, never more than it may', async () => {
  const said: string[] = [];
  let open = 0;
  let most = 0;
  await inOrder([30, 5, 20, 1, 10], 3, {
    begin: async (ms) => {
      open += 1;
      most = Math.max(most, open);
      await sleep(ms);
      said.push(`ready ${ms}`);
      return ms * 2;
    },
    end: async (ms, begun, index) => {
      said.push(`${index}: ${ms} ${await begun}`);
      open -= 1;
    },
    undo: async () => {
      throw new Error('nothing is undone');
    },
  });
  expect(most).toBe(3);
  expect(said.filter((line) => line.includes(':'))).toEqual(['0: 30 60', '1: 5 10', '2: 20 40', '3: 1 2', '4: 10 20']);
  expect(said.indexOf('ready 5')).toBeLessThan(said.indexOf('ready 30'));
});

it('undoes what was begun after a failure, and begins nothing more', async () => {
  const begun: number[] = [];
  const undone: number[] = [];
  const run = inOrder([1, 2, 3, 4, 5, 6], 3, {
    begin: async (item) => {
      begun.push(item);
      if (item === 2) throw new Error('no');
      return item;
    },
    end: async (_item, ready) => {
      await ready;
    },
    undo: async (item) => {
      undone.push(item);
    },
  });
  await expect(run).rejects.toThrow('no');
  expect(begun).toEqual([1, 2, 3, 4]);
  expect(undone).toEqual([3, 4]);
});
