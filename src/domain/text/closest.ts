/** Which known words somebody may have meant who typed another one. Pure. */

/** The most that a word may differ from what was meant: one slip in three letters, three in all. */
const tolerance = (word: string) => Math.min(3, Math.max(1, Math.floor(word.length / 3)));

/** The words of `known` that are near `typed`, the nearest first; a word that begins with it counts as near. */
export function closest(typed: string, known: readonly string[]): readonly string[] {
  if (typed === '') return [];
  return known
    .map((word) => ({ word, distance: word.startsWith(typed) ? 1 : slips(typed, word) }))
    .filter(({ distance }) => distance <= tolerance(typed))
    .sort((left, right) => left.distance - right.distance)
    .map(({ word }) => word);
}

/** Letters to insert, remove, replace or swap with their neighbour to get from one word to the other. */
function slips(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwap = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (isSame ? 0 : 1),
        isSwap ? (beforePrevious[column - 2] ?? 0) + 1 : Infinity,
      );
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[to.length] ?? 0;
}
