/**
 * A number with so many decimals as Python's `%.1f` and Barman write it: what lies exactly in the middle goes to the even
 * neighbour (125.25 -> `125.2`), where JavaScript's toFixed goes up.
 */
export function fixedText(value: number, digits: number): string {
  const longer = value.toFixed(digits + 1);
  // Only a multiple of a power of two can lie exactly in the middle.
  const isTie = longer.endsWith('5') && Number.isInteger(value * 2 ** (digits + 1));
  if (!isTie) return value.toFixed(digits);
  const down = longer.slice(0, -1);
  return '02468'.includes(down.at(-1) ?? '') ? down : value.toFixed(digits);
}
