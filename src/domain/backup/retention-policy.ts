/** The grammar of retention_policy. What a policy decides is in retention.ts. Source: docs/behaviour/config.md 12. */

export type RetentionPolicy =
  | { readonly kind: 'redundancy'; readonly count: number }
  | {
      readonly kind: 'recovery-window';
      readonly amount: number;
      readonly unit: 'DAYS' | 'WEEKS' | 'MONTHS';
      /** Length of the window; a month has 31 days. */
      readonly seconds: number;
    };

/** retention_policy as configured. `policy` is null when the text is no policy: then nothing is enforced and `check` fails. */
export interface RetentionSetting {
  readonly text: string;
  readonly policy: RetentionPolicy | null;
}

const REDUNDANCY = /^\s*redundancy\s+(\d+)\s*$/i;
const WINDOW = /^\s*recovery\s+window\s+of\s+(\d+)\s+(day|week|month)s?\s*$/i;
const DAY = 86_400;
const UNIT_SECONDS = { DAYS: DAY, WEEKS: 7 * DAY, MONTHS: 31 * DAY } as const;

/** Reads `REDUNDANCY n` or `RECOVERY WINDOW OF n DAYS|WEEKS|MONTHS` in any case; null when it is neither. */
export function parseRetentionPolicy(text: string): RetentionPolicy | null {
  const redundancy = REDUNDANCY.exec(text);
  if (redundancy) return { kind: 'redundancy', count: wholeNumber(redundancy[1]) };
  const window = WINDOW.exec(text);
  if (!window) return null;
  const unit = `${window[2]?.toUpperCase()}S` as 'DAYS' | 'WEEKS' | 'MONTHS';
  const amount = wholeNumber(window[1]);
  return { kind: 'recovery-window', amount, unit, seconds: amount * UNIT_SECONDS[unit] };
}

/** Digits beyond what a number holds mean as good as for ever. */
function wholeNumber(digits: string | undefined): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}

/** The canonical text: `REDUNDANCY 2`, `RECOVERY WINDOW OF 1 DAYS` (always plural). */
export function formatRetentionPolicy(policy: RetentionPolicy): string {
  return policy.kind === 'redundancy'
    ? `REDUNDANCY ${policy.count}`
    : `RECOVERY WINDOW OF ${policy.amount} ${policy.unit}`;
}
