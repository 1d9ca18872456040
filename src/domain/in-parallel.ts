/** Bounded concurrency. */

/**
 * Runs `body` on every item, at most `workers` at a time, and tells it which worker it is, from 0. The first failure stops
 * the start of others, and is thrown when the running ones are over.
 */
export async function inParallel<T>(
  items: readonly T[],
  workers: number,
  body: (item: T, worker: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const work = async (worker: number) => {
    while (failure === undefined && next < items.length) {
      try {
        await body(items[next++] as T, worker);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, items.length) }, (_, worker) => work(worker)));
  if (failure !== undefined) throw failure.error;
}
