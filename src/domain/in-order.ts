/** A bounded pipeline: work is begun ahead, and ended one item after the other in order. */

export interface Stages<Item, Begun> {
  /** May run for several items at once. */
  readonly begin: (item: Item) => Promise<Begun>;
  /** Runs for one item at a time, in order; a failure of `begin` comes out of `begun`. */
  readonly end: (item: Item, begun: Promise<Begun>, index: number) => Promise<void>;
  /** For what was begun and will not be ended, because an earlier item failed. */
  readonly undo: (begun: Begun) => Promise<void>;
}

/** Begins at most `ahead` items that are not ended yet. The first failure of `end` ends the whole. */
export async function inOrder<Item, Begun>(
  items: readonly Item[],
  ahead: number,
  { begin, end, undo }: Stages<Item, Begun>,
): Promise<void> {
  const begun: Promise<Begun>[] = [];
  let next = 0;
  const fill = () => {
    while (next < items.length && begun.length < ahead) {
      const started = begin(items[next++] as Item);
      // Its turn to be looked at comes later.
      started.catch(() => {});
      begun.push(started);
    }
  };
  try {
    for (const [index, item] of items.entries()) {
      fill();
      await end(item, begun.shift() as Promise<Begun>, index);
    }
  } finally {
    for (const outcome of await Promise.allSettled(begun))
      if (outcome.status === 'fulfilled') await undo(outcome.value);
  }
}
