import { expect, it } from 'vitest';
import { watchProgress } from '../../../src/transfer/progress.ts';

function fakeLine(enabled: boolean) {
  const drawn: string[] = [];
  return { drawn, enabled, update: (text: string) => void drawn.push(text), clear: () => void drawn.push('<clear>') };
}

it('draws nothing and asks nobody where there is no terminal', async () => {
  const line = fakeLine(false);
  const watch = watchProgress(line, 'Copying', () => Promise.reject(new Error('asked')), 1);
  await watch.stop();
  expect(line.drawn).toEqual([]);
});

it('survives a failing probe, shows notes, ends with an erased line', async () => {
  const line = fakeLine(true);
  const answers = [null, { done: 0, total: 10, note: 'waiting for a checkpoint' }];
  let asked = 0;
  const watch = watchProgress(
    line,
    'Copying pg',
    async () => {
      asked += 1;
      if (asked === 3) throw new Error('lost connection');
      return answers[asked - 1] ?? null;
    },
    1,
  );
  while (asked < 4) await new Promise((resolve) => setTimeout(resolve, 1));
  await watch.stop();
  expect(line.drawn).toEqual(['Copying pg: waiting for a checkpoint', '<clear>']);
});
