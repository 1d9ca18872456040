/**
 * The compiled file of a zone, as /etc/localtime is one: what was in force from when on, and a rule for what comes after.
 * Source: RFC 8536, tzfile(5); read as glibc reads it.
 */
import { parsePosixZone } from './posix-zone.ts';
import { UTC, type Zone, type ZoneOffset } from './zone.ts';

const HEADER = 44;

interface ZoneType extends ZoneOffset {
  readonly isSummer: boolean;
}

interface Counts {
  readonly isUtc: number;
  readonly isStandard: number;
  readonly leaps: number;
  readonly times: number;
  readonly types: number;
  readonly chars: number;
}

/** undefined for what is no such file, or a cut one. */
export function parseZoneFile(bytes: Uint8Array): Zone | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = countsAt(view, 0);
  if (first === undefined) return undefined;
  // Version 1 has times of 4 bytes; later ones repeat everything with 8, and a rule behind it.
  if (view.getUint8(4) === 0) return readBlock(view, 0, first, 4);
  const second = HEADER + sizeOf(first, 4);
  const counts = countsAt(view, second);
  return counts && readBlock(view, second, counts, 8);
}

function countsAt(view: DataView, at: number): Counts | undefined {
  if (view.byteLength < at + HEADER || view.getUint32(at) !== 0x545a6966) return undefined;
  const [isUtc = 0, isStandard = 0, leaps = 0, times = 0, types = 0, chars = 0] = [0, 1, 2, 3, 4, 5].map((place) =>
    view.getUint32(at + 20 + place * 4),
  );
  return types === 0 ? undefined : { isUtc, isStandard, leaps, times, types, chars };
}

function sizeOf({ isUtc, isStandard, leaps, times, types, chars }: Counts, width: 4 | 8): number {
  return times * (width + 1) + types * 6 + chars + leaps * (width + 4) + isStandard + isUtc;
}

function readBlock(view: DataView, at: number, counts: Counts, width: 4 | 8): Zone | undefined {
  const end = at + HEADER + sizeOf(counts, width);
  if (view.byteLength < end) return undefined;
  const indexes = at + HEADER + counts.times * width;
  const records = indexes + counts.times;
  const names = records + counts.types * 6;
  const types = Array.from({ length: counts.types }, (_, place) => {
    const record = records + place * 6;
    const from = names + view.getUint8(record + 5);
    return {
      seconds: view.getInt32(record),
      isSummer: view.getUint8(record + 4) !== 0,
      name: textAt(view, from, names + counts.chars),
    };
  });
  /** Seconds since 1970. */
  const times = Array.from({ length: counts.times }, (_, place) => {
    const time = at + HEADER + place * width;
    return width === 8 ? Number(view.getBigInt64(time)) : view.getInt32(time);
  });
  const inForce = times.map((_, place) => types[view.getUint8(indexes + place)]);
  if (inForce.includes(undefined)) return undefined;
  const rule = width === 8 ? parsePosixZone(footer(view, end)) : undefined;
  return zoneOf(times, inForce as ZoneType[], types, rule);
}

function zoneOf(
  times: readonly number[],
  inForce: readonly ZoneType[],
  types: readonly ZoneType[],
  rule: Zone | undefined,
): Zone {
  const before = types.find(({ isSummer }) => !isSummer) ?? types[0];
  return {
    at: (moment) => {
      const second = Math.floor(moment / 1000);
      const place = lastNotAfter(times, second);
      if (rule !== undefined && place === times.length - 1) return rule.at(moment);
      return inForce[place] ?? before ?? UTC.at(moment);
    },
  };
}

/** -1 when all are later. */
function lastNotAfter(times: readonly number[], second: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) <= second) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The line behind everything; '' when there is none. */
function footer(view: DataView, at: number): string {
  if (at >= view.byteLength || view.getUint8(at) !== 0x0a) return '';
  return textAt(view, at + 1, view.byteLength).split('\n', 1)[0] ?? '';
}

/** To the next zero byte. */
function textAt(view: DataView, from: number, to: number): string {
  let text = '';
  for (let at = from; at < to && view.getUint8(at) !== 0; at += 1) text += String.fromCharCode(view.getUint8(at));
  return text;
}
