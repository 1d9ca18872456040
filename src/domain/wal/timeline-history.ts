/**
 * Timeline history files (`00000003.history`): where each ancestor of a timeline was left.
 * Source: PostgreSQL documentation, "Timelines"; docs/behaviour/catalog.md 10.
 */
import { WalError } from '../errors.ts';
import { type Lsn, parseLsn } from './lsn.ts';

export interface TimelineSwitch {
  readonly parentTimeline: number;
  /** The first byte that belongs to the child. */
  readonly switchLsn: Lsn;
  /** PostgreSQL's words, e.g. `no recovery target specified`. */
  readonly reason: string;
}

/**
 * Entries in file order, the nearest ancestor last. `name` is only for the message.
 * @throws WalError for a file that says nothing or a line that is no entry
 */
export function parseTimelineHistory(text: string, name: string): readonly TimelineSwitch[] {
  const entries: TimelineSwitch[] = [];
  for (const line of text.split('\n')) {
    const entry = line.trim();
    if (entry === '' || entry.startsWith('#')) continue;
    entries.push(parseEntry(entry, name));
  }
  if (entries.length === 0) throw new WalError(`timeline history file '${name}' is empty`);
  return entries;
}

function parseEntry(line: string, name: string): TimelineSwitch {
  const [timeline = '', position = '', ...reason] = line.split('\t');
  const switchLsn = parseLsn(position);
  const parentTimeline = /^\d{1,10}$/.test(timeline) ? Number(timeline) : 0;
  if (switchLsn === undefined || parentTimeline < 1 || parentTimeline > 0xffffffff || reason.length === 0) {
    throw new WalError(`cannot read line '${line}' of timeline history file '${name}'`);
  }
  return { parentTimeline, switchLsn, reason: reason.join('\t') };
}
