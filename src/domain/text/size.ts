/**
 * Sizes of the configuration (`30Gi`) and how Barman spells a size (`22.0 MiB`).
 * Source: docs/behaviour/config.md 4, check.md 7.
 */
import { fixedText } from './fixed-text.ts';

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  Ki: 1024,
  M: 1e6,
  Mi: 1024 ** 2,
  G: 1e9,
  Gi: 1024 ** 3,
  T: 1e12,
  Ti: 1024 ** 4,
};

/** Bytes of `N[ ][k|Ki|M|Mi|G|Gi|T|Ti]` (case counts, no `B`); undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const match = /^\s*(\d+)\s*([kMGT]i?|Ki)?\s*$/.exec(text);
  const factor = FACTORS[match?.[2] ?? ''];
  return match && factor !== undefined ? Number(match[1]) * factor : undefined;
}

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB'] as const;

/** Base 1024: `22 B`, `4.0 KiB`, `-194.7 KiB`. */
export function prettySize(bytes: number | bigint): string {
  let value = Number(bytes);
  if (Math.abs(value) < 1024) return `${Math.trunc(value)} B`;
  for (const unit of UNITS) {
    value /= 1024;
    if (Math.abs(value) < 1024) return `${fixedText(value, 1)} ${unit}`;
  }
  return `${fixedText(value / 1024, 1)} YiB`;
}
