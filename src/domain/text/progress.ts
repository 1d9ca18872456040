/** The text of a progress line: what share is done, how fast, how long it will still take. */
import { prettySize } from './size.ts';

export interface Progress {
  /** Bytes done so far. */
  readonly done: number;
  /** Bytes expected in all; null when nobody knows. */
  readonly total: number | null;
  readonly elapsedMs: number;
}

/**
 * `45%  10.3 MiB of 22.8 MiB, 4.1 MiB/s, ETA 0:03`. Totals are estimates: beyond 100% it stays at 99% until the work
 * says that it is done, and there is no ETA before there is a speed.
 */
export function renderProgress({ done, total, elapsedMs }: Progress): string {
  const speed = elapsedMs > 0 ? (done * 1000) / elapsedMs : 0;
  const rate = `${prettySize(Math.floor(speed))}/s`;
  if (total === null || total <= 0) return `${prettySize(done)}, ${rate}`;
  const percent = done >= total ? 99 : Math.floor((done / total) * 100);
  const amount = `${String(percent).padStart(2)}%  ${prettySize(done)} of ${prettySize(total)}, ${rate}`;
  if (speed <= 0 || done >= total) return amount;
  return `${amount}, ETA ${clock((total - done) / speed)}`;
}

/** `0:07`, `12:40`, `3:02:05`. */
function clock(seconds: number): string {
  const whole = Math.ceil(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
