/**
 * What `rsync --list-only --no-human-readable` prints of a tree, one line each. Names are byte strings (latin1), because
 * a file name is bytes. Source: rsync(1), "--list-only", "--8-bit-output".
 */
import { civilTime, epochOf } from '../time/civil-time.ts';

export interface ListedEntry {
  /** `-` file, `d` directory, `l` link, `p` `s` `b` `c` the rest. */
  readonly type: string;
  /** Permission bits. */
  readonly mode: number;
  /** Bytes. */
  readonly size: number;
  /** Seconds since 1970; rsync ran with TZ=UTC. */
  readonly mtime: number;
  /** Relative to the listed directory, which is `.` itself. */
  readonly path: string;
}

const LINE = /^([-dlpsbc])([-rwxsStT]{9})\S?\s+(\d+) (\d{4})\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d) (.+)$/s;

/** undefined for a line that is no entry, and for a path that leaves the listed directory. */
export function parseListLine(line: string): ListedEntry | undefined {
  const match = LINE.exec(line);
  if (!match) return undefined;
  const [, type = '', permissions = '', size, year, month, day, hour, minute, second, name = ''] = match;
  const path = unescapeName(name);
  if (path !== '.' && path.split('/').some((part) => part === '' || part === '.' || part === '..')) return undefined;
  const mtime = epochOf(civilTime(year, month, day, hour, minute, second)) / 1000;
  return { type, mode: modeOf(permissions), size: Number(size), mtime, path };
}

/** `rwxr-x--t` -> bits. */
function modeOf(text: string): number {
  let mode = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    const bit = 1 << (8 - at);
    const special = at === 2 ? 0o4000 : at === 5 ? 0o2000 : at === 8 ? 0o1000 : 0;
    if (char === '-') continue;
    if (char === 'S' || char === 'T') mode |= special;
    else mode |= char === 's' || char === 't' ? bit | special : bit;
  }
  return mode;
}

/** `\#012` stands for one byte. */
function unescapeName(name: string): string {
  return name.replace(/\\#([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
