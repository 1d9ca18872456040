/** The zone of the host as the C library has it, beside date(1), which asks that library. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clockText, dateText, utcReading } from '../../../src/domain/time/civil-time.ts';
import { parsePosixZone } from '../../../src/domain/time/posix-zone.ts';
import { findHostZone } from '../../../src/host/host-zone.ts';
import { zoneFile } from '../../support/zone-file.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'barman-zone-'));
  const types = [
    { seconds: 3600, name: 'ONE' },
    { seconds: 7200, name: 'TWO', isSummer: true },
  ];
  const changes = [[1_000_000_000, 1] as const, [1_100_000_000, 0] as const];
  writeFileSync(join(folder, 'own'), zoneFile({ types, changes, rule: 'ONE-1TWO,M3.5.0,M10.5.0' }));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Every eleventh day from 1970 (before, glibc has a rule of 1970 for every year) to 2060, at changing hours, and the hours around some changes of the clock. */
const MOMENTS = [
  ...Array.from({ length: 3_000 }, (_, place) => 1_000_000 + place * 957_601),
  ...['2025-03-30T01:00:00Z', '2025-10-26T01:00:00Z', '2025-03-09T07:00:00Z', '2025-11-02T06:00:00Z'].flatMap((text) =>
    [-3601, -3600, -1, 0, 1, 3599, 3600].map((away) => Date.parse(text) / 1000 + away),
  ),
];

/** What date(1) shows at each of the moments. */
function byDate(tz: string): string[] {
  const input = MOMENTS.map((moment) => `@${moment}\n`).join('');
  const { stdout, status } = spawnSync('date', ['-f', '-', '+%Y-%m-%d %H:%M:%S %Z'], {
    env: { ...process.env, TZ: tz },
    input,
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  return stdout.trimEnd().split('\n');
}

function byUs(tz: string): string[] {
  const { zone, problem } = findHostZone({ TZ: tz });
  expect(problem).toBe(null);
  return MOMENTS.map((moment) => {
    const { seconds, name } = zone.at(moment * 1000);
    const reading = utcReading(new Date((moment + seconds) * 1000));
    return `${dateText(reading)} ${clockText(reading)} ${name}`;
  });
}

const RULES = [
  'CET-1CEST,M3.5.0,M10.5.0/3',
  'CEST-2',
  '<+03>-3',
  '<-02>2<-01>,M3.5.0/-1,M10.5.0/0',
  'IST-5:30',
  'EST5EDT,M3.2.0,M11.1.0',
  'AEST-10AEDT,M10.1.0,M4.1.0/3',
  '<+1030>-10:30<+11>-11,M10.1.0,M4.1.0',
  'NZST-12NZDT,M9.5.0,M4.1.0/3',
  'EET-2EEST,M4.5.5/0,M10.5.4/24',
  'AAA3BBB,J60/0,J300/2',
  'AAA-3BBB,59,300/5:30:15',
  'AAA3:15:20BBB1:30,100/12,200/-12',
  'UTC0',
];
const NAMES = [
  'Europe/Berlin',
  'Europe/London',
  'Europe/Dublin',
  'Europe/Moscow',
  'America/New_York',
  'America/Sao_Paulo',
  'America/St_Johns',
  'Asia/Kolkata',
  'Asia/Tehran',
  'Asia/Gaza',
  'Australia/Lord_Howe',
  'Australia/Sydney',
  'Africa/Casablanca',
  'Africa/Monrovia',
  'Africa/Cairo',
  'Antarctica/Troll',
  'Pacific/Apia',
  'Pacific/Chatham',
  'Etc/GMT+5',
  'EST5EDT',
  'UTC',
];

describe('what the clock of this host shows', () => {
  it.each(RULES)('TZ=%s', (rule) => expect(byUs(rule)).toEqual(byDate(rule)));

  it.each(NAMES)('TZ=%s', (name) => {
    // Without zone files, date(1) takes every name for UTC.
    if (byDate(name)[0] === byDate('UTC')[0] && name !== 'UTC') return;
    expect(byUs(name)).toEqual(byDate(name));
    expect(byUs(`:${name}`)).toEqual(byDate(name));
  });

  it('TZ as a file, as text of nothing, and with a colon', () => {
    const own = join(folder, 'own');
    expect(byUs(own)).toEqual(byDate(own));
    expect(byUs(`:${own}`)).toEqual(byDate(own));
    expect(byUs(':CET-1')).toEqual(byDate(':CET-1'));
    for (const empty of ['', ':']) {
      const [reading = ''] = byUs(empty);
      expect(reading.slice(0, 19)).toBe((byDate(empty)[0] ?? '').slice(0, 19));
    }
  });
});

describe('/etc/localtime', () => {
  const summer = Date.parse('2026-07-01T00:00:00Z');

  it('counts by what is in it, not by its name', () => {
    const { zone, problem } = findHostZone({}, join(folder, 'own'));
    expect({ ...zone.at(summer), problem }).toMatchObject({ seconds: 7200, name: 'TWO', problem: null });
  });

  it('may be missing: UTC', () => {
    const { zone, problem } = findHostZone({}, join(folder, 'missing'));
    expect({ ...zone.at(summer), problem }).toEqual({ seconds: 0, name: 'UTC', problem: null });
  });

  it('that cannot be read is UTC, which is said', () => {
    const broken = join(folder, 'broken');
    writeFileSync(broken, 'TZif');
    expect(findHostZone({}, broken).problem).toBe(`'${broken}' is no time zone file that can be read`);
    expect(findHostZone({}, folder).problem).toBe(`'${folder}' is no time zone file that can be read`);
  });
});

describe('a TZ that says nothing', () => {
  it.each(['Europe/Berlinn', 'CE-1', '../..'])('%s is UTC, which is said', (tz) => {
    const { zone, problem } = findHostZone({ TZ: tz });
    expect(zone.at(0)).toEqual({ seconds: 0, name: 'UTC' });
    expect(problem).toContain(`TZ is '${tz}', which is neither a file of '/usr/share/zoneinfo' nor a rule`);
  });

  it('is looked up by Node where the host has no zone files', () => {
    const { zone, problem } = findHostZone({ TZ: 'UTC', TZDIR: folder });
    expect([zone.at(0).seconds, problem]).toEqual([0, null]);
    expect(parsePosixZone('UTC')).toBe(undefined);
  });
});
