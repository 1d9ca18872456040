/** `copy_stats` of an rsync backup: seconds, whole and by item. Source: docs/behaviour/backup.md 5.6, catalog.md 3. */
import type { Literal } from '../../domain/text/python-literal.ts';

interface Span {
  begin: number;
  end: number;
  /** The sum of its jobs. */
  work: number;
}

export class CopyStatistics {
  readonly #begin = performance.now();
  readonly #analysis = new Map<string, Span>();
  readonly #copy = new Map<string, Span>();

  analysing<T>(label: string, body: () => Promise<T>): Promise<T> {
    return timed(this.#analysis, label, body);
  }

  copying<T>(label: string, body: () => Promise<T>): Promise<T> {
    return timed(this.#copy, label, body);
  }

  /** As it goes into the record; `labels` in the order of the copy. */
  summary(workers: number): { readonly [key: string]: Literal } {
    const copies = [...this.#copy.values()];
    return {
      total_time: seconds(performance.now() - this.#begin),
      number_of_workers: workers,
      analysis_time_per_item: byItem(this.#analysis, duration),
      copy_time_per_item: byItem(this.#copy, duration),
      serialized_copy_time_per_item: byItem(this.#copy, ({ work }) => work),
      analysis_time: seconds(sum([...this.#analysis.values()].map(duration))),
      copy_time: seconds(
        copies.length === 0
          ? 0
          : Math.max(...copies.map(({ end }) => end)) - Math.min(...copies.map(({ begin }) => begin)),
      ),
      serialized_copy_time: seconds(sum(copies.map(({ work }) => work))),
    };
  }
}

async function timed<T>(spans: Map<string, Span>, label: string, body: () => Promise<T>): Promise<T> {
  const begin = performance.now();
  try {
    return await body();
  } finally {
    const end = performance.now();
    const span = spans.get(label) ?? { begin, end, work: 0 };
    spans.set(label, { begin: Math.min(span.begin, begin), end, work: span.work + end - begin });
  }
}

function duration({ begin, end }: Span): number {
  return end - begin;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function byItem(spans: ReadonlyMap<string, Span>, of: (span: Span) => number): { readonly [key: string]: Literal } {
  return Object.fromEntries([...spans].map(([label, span]) => [label, seconds(of(span))]));
}

/** Milliseconds as seconds with microseconds, never 0: a throughput is computed from it. */
function seconds(milliseconds: number): number {
  return Math.max(1, Math.round(milliseconds * 1000)) / 1_000_000;
}
