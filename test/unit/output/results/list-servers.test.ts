import { describe, expect, it } from 'vitest';
import { listServersResult, type ListedServer } from '../../../../src/output/results/list-servers.ts';

const paint = { red: String, green: String, yellow: String };
const SERVERS: readonly ListedServer[] = [
  { name: 'a', description: null, state: 'ok', isPassive: false },
  { name: 'b', description: 'Main', state: 'inactive', isPassive: false },
  { name: 'c', description: null, state: 'disabled', isPassive: false },
  { name: 'd', description: null, state: 'ok', isPassive: true },
  { name: 'e', description: 'Both', state: 'disabled', isPassive: true },
];

describe('listServersResult', () => {
  it('says the state of each server', () => {
    const result = listServersResult(SERVERS, false);
    expect(result.console(paint)).toEqual([
      'a',
      'b - Main (inactive)',
      'c -  (WARNING: disabled)',
      'd -  (Passive)',
      'e - Both (WARNING: disabled) (Passive)',
    ]);
    expect(result.json()).toEqual({
      a: { description: '' },
      b: { description: 'Main (inactive)' },
      c: { description: ' (WARNING: disabled)' },
      d: { description: ' (Passive)' },
      e: { description: 'Both (WARNING: disabled) (Passive)' },
    });
  });

  it('gives names only when minimal, but all of it in JSON', () => {
    const result = listServersResult(SERVERS.slice(0, 2), true);
    expect(result.console(paint)).toEqual(['a', 'b']);
    expect(result.json()).toEqual({ a: { description: '' }, b: { description: 'Main (inactive)' } });
  });
});
