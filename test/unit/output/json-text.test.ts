import { describe, expect, it } from 'vitest';
import { JsonFloat } from '../../../src/output/json-float.ts';
import { jsonText, mergeJson } from '../../../src/output/json-text.ts';
import type { Json } from '../../../src/output/output.ts';

describe('jsonText', () => {
  it('sorts keys, spaces separators and escapes what is not ASCII', () => {
    expect(jsonText({ b: [1, 'é', null], a: { z: true, y: 1.5 }, e: {} })).toBe(
      '{"a": {"y": 1.5, "z": true}, "b": [1, "\\u00e9", null], "e": {}}',
    );
  });

  it('keeps the point of a float', () => {
    expect(jsonText([new JsonFloat(24_076_561), new JsonFloat(0.5), 3, 1e-7])).toBe('[24076561.0, 0.5, 3, 1e-07]');
  });

  it('indents as json.dumps(indent=4)', () => {
    expect(jsonText({ a: [1, { b: 2 }], c: [] }, 4)).toBe(
      '{\n    "a": [\n        1,\n        {\n            "b": 2\n        }\n    ],\n    "c": []\n}',
    );
  });
});

describe('mergeJson', () => {
  it('merges objects and replaces the rest', () => {
    const target: Record<string, Json> = { pg: { a: 1, list: [1] } };
    mergeJson(target, { pg: { b: 2, list: [2] }, other: 'x' });
    expect(target).toEqual({ pg: { a: 1, b: 2, list: [2] }, other: 'x' });
  });
});
