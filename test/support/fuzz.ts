/**
 * Generated input for the parsers. A failure prints its seed; `FUZZ_SEED=N` plays it again, `FUZZ_RUNS=N` looks longer.
 */
import * as fc from 'fast-check';

const seed = process.env.FUZZ_SEED;

export const FUZZ_SETTINGS = {
  numRuns: Number(process.env.FUZZ_RUNS ?? 300),
  ...(seed === undefined ? {} : { seed: Number(seed) }),
};

/** Runs a property with the settings of the environment, `runs` times unless that says otherwise. */
export function always<T>(input: fc.Arbitrary<T>, holds: (value: T) => boolean | void, runs?: number): void {
  const numRuns = process.env.FUZZ_RUNS === undefined && runs !== undefined ? runs : FUZZ_SETTINGS.numRuns;
  fc.assert(fc.property(input, holds), { ...FUZZ_SETTINGS, numRuns });
}

/** Any text: printable, every Unicode character, or made of the pieces that a grammar is about. */
export function textNear(...pieces: readonly string[]): fc.Arbitrary<string> {
  const piece = fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 4, unit: 'binary' }));
  return fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.string({ maxLength: 30, unit: 'binary' }),
    fc.array(piece, { maxLength: 30 }).map((parts) => parts.join('')),
  );
}

/** A text with one place cut out, doubled or replaced: near enough to the good one to get deep into its parser. */
export function mutated(good: string): fc.Arbitrary<string> {
  const place = fc.nat({ max: good.length });
  return fc
    .tuple(place, place, textNear('\n', '=', "'", '..', '\0', 'None', '-1', '9'.repeat(30)))
    .map(([one, other, put]) => good.slice(0, Math.min(one, other)) + put + good.slice(Math.max(one, other)));
}

/** What `read` gives, or undefined when it throws an `expected` error; any other error is a defect and goes on. */
export function readOrRefuse<T>(read: () => T, expected: new (message: string) => Error): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof expected) return undefined;
    throw error;
  }
}
