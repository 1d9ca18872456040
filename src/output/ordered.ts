/**
 * One output, several servers at work at once: each writes into its own turn, and the turns come out one after the other
 * as if the servers had been handled in order. The turn whose time it is prints at once.
 */
import { NO_PROGRESS } from './messages.ts';
import type { Output } from './output.ts';

export interface Turn {
  readonly output: Output;
  /** Nothing more will be said in this turn. */
  done(): void;
}

/** `count` turns on `target`, printed in index order. What a turn says after its end is printed at once. */
export function takeTurns(target: Output, count: number): readonly Turn[] {
  const waiting: (() => void)[][] = Array.from({ length: count }, () => []);
  const finished = new Set<number>();
  let current = 0;

  const say = (index: number, speak: () => void) => {
    if (index <= current) speak();
    else waiting[index]?.push(speak);
  };
  const finish = (index: number) => {
    finished.add(index);
    while (finished.has(current)) {
      current += 1;
      for (const speak of waiting[current]?.splice(0) ?? []) speak();
    }
  };

  return waiting.map((_, index) => ({
    output: {
      format: target.format,
      progress: NO_PROGRESS,
      debug: (text) => say(index, () => target.debug(text)),
      info: (text) => say(index, () => target.info(text)),
      warning: (text) => say(index, () => target.warning(text)),
      error: (text, facts) => say(index, () => target.error(text, facts)),
      hint: (text) => say(index, () => target.hint(text)),
      exception: (text, stack) => say(index, () => target.exception(text, stack)),
      result: (result) => say(index, () => target.result(result)),
      close: () => 0,
    },
    done: () => finish(index),
  }));
}
