/** A live line on the terminal that follows a long copy: backup and restore. Draws nothing elsewhere. */
import { renderProgress } from '../domain/text/progress.ts';
import type { ProgressLine } from '../output/output.ts';

/** How far the work is; null when it cannot be told now. `note` replaces the numbers (e.g. waiting for a checkpoint). */
export type ProgressProbe = () => Promise<{ done: number; total: number | null; note?: string } | null>;

export interface ProgressWatch {
  /** Ends the watch, erases the line. Waits for a probe that is still running, so its connection is free afterwards. */
  stop(): Promise<void>;
}

/** Asks `probe` every `intervalMs` and draws `label: 45%  10.3 MiB of ...`. A failing probe just draws nothing. */
export function watchProgress(
  line: ProgressLine,
  label: string,
  probe: ProgressProbe,
  intervalMs = 500,
): ProgressWatch {
  if (!line.enabled) return { stop: async () => {} };
  const started = performance.now();
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const draw = async () => {
    const sample = await probe().catch(() => null);
    if (stopped) return;
    if (sample !== null) {
      const text = sample.note ?? renderProgress({ ...sample, elapsedMs: performance.now() - started });
      line.update(`${label}: ${text}`);
    }
    timer = setTimeout(() => {
      drawing = draw();
    }, intervalMs);
  };
  let drawing = draw();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await drawing;
      line.clear();
    },
  };
}
