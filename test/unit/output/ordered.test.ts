import { expect, it } from 'vitest';
import type { Output } from '../../../src/output/output.ts';
import { takeTurns } from '../../../src/output/ordered.ts';

function recorder(): { readonly said: string[]; readonly output: Output } {
  const said: string[] = [];
  const note = (kind: string) => (text: string) => {
    said.push(`${kind} ${text}`);
  };
  return {
    said,
    output: {
      format: 'console',
      progress: { enabled: false, update: () => {}, clear: () => {} },
      debug: note('debug'),
      info: note('info'),
      warning: note('warning'),
      error: note('error'),
      hint: note('hint'),
      exception: note('exception'),
      result: (result) => said.push(`result ${result.console({ red: String, green: String, yellow: String }).join()}`),
      close: () => 7,
    },
  };
}

it('prints the first turn at once and the others in their order', () => {
  const { said, output } = recorder();
  const [a, b, c] = takeTurns(output, 3);
  c?.output.info('c1');
  b?.output.warning('b1');
  a?.output.error('a1');
  expect(said).toEqual(['error a1']);
  c?.done();
  b?.output.result({ console: () => ['b2'], json: () => ({}) });
  expect(said).toEqual(['error a1']);
  a?.done();
  expect(said).toEqual(['error a1', 'warning b1', 'result b2']);
  b?.output.exception('b3');
  b?.done();
  expect(said).toEqual(['error a1', 'warning b1', 'result b2', 'exception b3', 'info c1']);
});

it('still prints what is said after the end of a turn', () => {
  const { said, output } = recorder();
  const [a, b] = takeTurns(output, 2);
  a?.done();
  b?.done();
  a?.output.debug('late');
  expect(said).toEqual(['debug late']);
});
