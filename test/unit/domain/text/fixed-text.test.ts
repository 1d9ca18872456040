import { expect, it } from 'vitest';
import { fixedText } from '../../../../src/domain/text/fixed-text.ts';

it.each([
  [125.25, 1, '125.2'],
  [125.75, 1, '125.8'],
  [0.25, 1, '0.2'],
  [-0.25, 1, '-0.2'],
  [-125.75, 1, '-125.8'],
  [0.125, 2, '0.12'],
  [0.375, 2, '0.38'],
  // Not exactly in the middle, whatever they look like.
  [0.15, 1, '0.1'],
  [0.35, 1, '0.3'],
  [1.005, 2, '1.00'],
  [2.675, 2, '2.67'],
  [99.96, 1, '100.0'],
  [0, 2, '0.00'],
  [1023.95, 1, '1024.0'],
])('writes %d with %i decimals as Python does', (value, digits, text) => {
  expect(fixedText(value, digits)).toBe(text);
});
