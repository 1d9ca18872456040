import { expect, it } from 'vitest';
import { jsonText } from '../../../../src/output/json-text.ts';
import { keepStatusResult } from '../../../../src/output/results/keep.ts';

const paint = { red: String, green: String, yellow: String };

it('says whether a backup is kept', () => {
  expect(keepStatusResult('main', null).console(paint)).toEqual(['Server main:', '\tKeep: nokeep']);
  expect(keepStatusResult('main', 'standalone').console(paint)).toEqual(['Server main:', '\tKeep: standalone']);
  expect(jsonText(keepStatusResult('main', 'full').json())).toBe(
    '{"main": {"keep_status": {"description": "Keep", "message": "full"}}}',
  );
});
