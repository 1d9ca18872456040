/**
 * Intervals of the configuration (`2 DAYS`) and how Barman spells a duration. A month has 31 days.
 * Source: docs/behaviour/config.md 4, check.md 7.
 */

const UNIT_SECONDS: Readonly<Record<string, number>> = { hour: 3600, day: 86_400, week: 604_800, month: 2_678_400 };

/** Seconds of `N hour|day|week|month[s]` in any case; undefined for anything else. */
export function parseInterval(text: string): number | undefined {
  const match = /^\s*(\d+)\s+(hour|day|week|month)s?\s*$/i.exec(text);
  const unit = UNIT_SECONDS[match?.[2]?.toLowerCase() ?? ''];
  return match && unit !== undefined ? Number(match[1]) * unit : undefined;
}

/** `1 day, 2 hours, 1 minute`; below one second `less than one second`; negative: with ` ago` behind. */
export function humanDuration(seconds: number): string {
  const whole = Math.floor(Math.abs(seconds));
  const parts = [
    plural(Math.floor(whole / 86_400), 'day'),
    plural(Math.floor(whole / 3600) % 24, 'hour'),
    plural(Math.floor(whole / 60) % 60, 'minute'),
    plural(whole % 60, 'second'),
  ].filter((part) => part !== '');
  const spelled = parts.length > 0 ? parts.join(', ') : 'less than one second';
  return seconds < 0 ? `${spelled} ago` : spelled;
}

function plural(count: number, unit: string): string {
  if (count === 0) return '';
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** Python's str() of a timedelta: `2:00:00`, `1 day, 0:00:00`. Seconds, whole or with microseconds. */
export function clockDuration(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const rest = seconds - days * 86_400;
  const micros = Math.round((rest % 1) * 1_000_000);
  const two = (value: number) => String(value).padStart(2, '0');
  const whole = Math.floor(rest);
  const clock = `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  const fraction = micros === 0 ? '' : `.${String(micros).padStart(6, '0')}`;
  const prefix = days === 0 ? '' : `${days} day${Math.abs(days) === 1 ? '' : 's'}, `;
  return `${prefix}${clock}${fraction}`;
}
