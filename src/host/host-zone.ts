/**
 * The zone that the C library of this host goes by, as date(1) does: TZ (a name, a file or a rule), else /etc/localtime.
 * Node looks for a name instead: to it a rule, a file without a name or one that was mounted over another is UTC.
 */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type HostZone, hostZone, RUNTIME_ZONE } from '../domain/time/local-time.ts';
import { parsePosixZone } from '../domain/time/posix-zone.ts';
import { UTC, type Zone } from '../domain/time/zone.ts';
import { parseZoneFile } from '../domain/time/zone-file.ts';
import { errnoOf } from '../domain/errors.ts';
import type { Output } from '../output/output.ts';

const LOCALTIME = '/etc/localtime';
const ZONES = '/usr/share/zoneinfo';
/** The largest zone has 4 KB. */
const MAX_BYTES = 1_048_576;

/** `localtime` stands in for /etc/localtime. */
export function findHostZone(env: NodeJS.ProcessEnv, localtime: string = LOCALTIME): HostZone {
  const given = env.TZ?.replace(/^:/, '');
  if (given === undefined) {
    const file = readZone(localtime);
    if (file === 'unusable') return inUtc(`'${localtime}' is no time zone file that can be read`);
    return { zone: file ?? UTC, problem: null };
  }
  if (given === '') return { zone: UTC, problem: null };
  const file = readZone(resolve(env.TZDIR || ZONES, given));
  const zone = file === 'unusable' || file === undefined ? parsePosixZone(given) : file;
  if (zone !== undefined) return { zone, problem: null };
  // A host without zone files: Node brings its own.
  if (given === env.TZ && isNameOfNode(given)) return { zone: namedByNode(), problem: null };
  return inUtc(
    `TZ is '${given}', which is neither a file of '${env.TZDIR || ZONES}' nor a rule such as CET-1CEST,M3.5.0,M10.5.0/3`,
  );
}

/** Says that local times are UTC because the zone that the host was given cannot be read: where a local time matters. */
export function warnOfHostZone(output: Output): void {
  const { problem } = hostZone();
  if (problem !== null) output.warning(`the time zone of this host is not known, its local times are UTC: ${problem}`);
}

function inUtc(problem: string): HostZone {
  return { zone: UTC, problem };
}

/** undefined where there is none. */
function readZone(path: string): Zone | 'unusable' | undefined {
  try {
    const facts = statSync(path);
    if (!facts.isFile() || facts.size > MAX_BYTES) return 'unusable';
    return parseZoneFile(readFileSync(path)) ?? 'unusable';
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : 'unusable';
  }
}

function isNameOfNode(name: string): boolean {
  if (!/^[A-Za-z][\w+/-]*$/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** English spellings differ in which abbreviations they know: CET is British, EST American, AEST Australian. */
const LOCALES = ['en-US', 'en-GB', 'en-AU', 'en-CA'];

/** Abbreviations that Node does not know are offsets to it: those are no names. */
function namedByNode(): Zone {
  const formats = LOCALES.map((locale) => new Intl.DateTimeFormat(locale, { timeZoneName: 'short' }));
  const nameAt = (moment: number) => {
    for (const format of formats) {
      const name = format.formatToParts(moment).find(({ type }) => type === 'timeZoneName')?.value ?? '';
      if (/^[A-Za-z]{3,5}$/.test(name)) return name;
    }
    return '';
  };
  return {
    at: (moment) => ({
      seconds: RUNTIME_ZONE.at(moment).seconds,
      // Asked for when a name is looked up only: it takes its time.
      get name() {
        return nameAt(moment);
      },
    }),
  };
}
