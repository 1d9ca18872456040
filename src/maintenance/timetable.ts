/**
 * When the daemon has something to do. The package node-cron reads the expressions and says which days they mean; which
 * moments those are on a clock that changes is ours (domain/time/schedule.ts), as is waiting for them.
 */
import { createTask, validateDetailed } from 'node-cron';
import { hostZone } from '../domain/time/local-time.ts';
import { nextMoment, type Schedule } from '../domain/time/schedule.ts';

/** Milliseconds. A clock that was set is noticed within this. */
const LONGEST_WAIT = 30_000;
/** A clock that was set back by less repeats nothing. */
const SET_BACK = 3 * 3_600_000;
const MINUTE = 60_000;

/** What an expression asks for, or why it is none. */
export function readSchedule(expression: string): Schedule | { readonly reason: string } {
  const { valid, errors, fields } = validateDetailed(expression);
  if (!valid || fields === undefined) {
    return { reason: errors.map(({ field, message }) => `${field}: ${message}`).join('; ') };
  }
  const { hour: hours, minute: minutes, second: seconds, month: months } = fields;
  // Never started: it is asked for its days only, in a zone whose clocks do not change.
  const task = createTask(expression, () => {}, { timezone: 'UTC' });
  const time = [hours[0] ?? 0, minutes[0] ?? 0, seconds[0] ?? 0] as const;
  const isDay: Schedule['isDay'] = ({ year, month, day }) =>
    months.includes(month) && task.match(new Date(Date.UTC(year, month - 1, day, ...time)));
  return { hours, minutes, seconds, isDay };
}

export interface Alarm {
  /** Milliseconds since 1970; null when it will never ring. */
  readonly due: () => number | null;
  readonly stop: () => void;
}

/** Calls `ring` whenever the schedule is due; what fell into a sleep of the host is made up for once. */
export function setAlarm(schedule: Schedule, ring: () => void): Alarm {
  const next = (after: number) => nextMoment(schedule, after, hostZone().zone);
  let seen = Date.now();
  let due = next(seen);
  let timer: NodeJS.Timeout | undefined;
  const wait = () => {
    if (due === null) return;
    timer = setTimeout(look, Math.min(Math.max(due - Date.now(), 0), LONGEST_WAIT));
  };
  const look = () => {
    const now = Date.now();
    if (now < seen - SET_BACK) due = next(now);
    seen = now;
    if (due !== null && now >= due) {
      due = next(now);
      ring();
    }
    wait();
  };
  wait();
  return { due: () => due, stop: () => clearTimeout(timer) };
}

/** Calls `work` at every full minute of the time that passes, whatever the clock on the wall does. */
export function everyMinute(work: () => void): { readonly stop: () => void } {
  let timer: NodeJS.Timeout;
  const wait = () => {
    const rest = MINUTE - (Date.now() % MINUTE);
    // A timer may ring a moment too early.
    timer = setTimeout(ring, rest < 1000 ? rest + MINUTE : rest);
  };
  const ring = () => {
    wait();
    work();
  };
  wait();
  return { stop: () => clearTimeout(timer) };
}
