import { describe, expect, it } from 'vitest';
import { parsePosixZone } from '../../../../src/domain/time/posix-zone.ts';

/** `+3600 CET` at that moment. */
function at(rule: string, moment: string): string {
  const { seconds, name } = parsePosixZone(rule)?.at(Date.parse(moment)) ?? { seconds: Number.NaN, name: 'no rule' };
  return `${seconds} ${name}`;
}

// Recorded with date(1) of glibc 2.36.
describe('a rule of TZ', () => {
  it.each([
    ['CET-1CEST,M3.5.0,M10.5.0/3', '2025-03-30T00:59:59Z', '3600 CET'],
    ['CET-1CEST,M3.5.0,M10.5.0/3', '2025-03-30T01:00:00Z', '7200 CEST'],
    ['CET-1CEST,M3.5.0,M10.5.0/3', '2025-10-26T00:59:59Z', '7200 CEST'],
    ['CET-1CEST,M3.5.0,M10.5.0/3', '2025-10-26T01:00:00Z', '3600 CET'],
    ['CEST-2', '2025-01-01T00:00:00Z', '7200 CEST'],
    ['<+03>-3', '2025-01-01T00:00:00Z', '10800 +03'],
    ['<-0330>3:30', '2025-01-01T00:00:00Z', '-12600 -0330'],
    ['IST-5:30', '2025-01-01T00:00:00Z', '19800 IST'],
    ['UTC0', '2025-01-01T00:00:00Z', '0 UTC'],
    // South of the equator summer goes over the end of the year.
    ['AEST-10AEDT,M10.1.0,M4.1.0/3', '2026-01-01T00:00:00Z', '39600 AEDT'],
    ['AEST-10AEDT,M10.1.0,M4.1.0/3', '2026-07-01T00:00:00Z', '36000 AEST'],
    // Summer time of half an hour; hours before and behind the day; days by number.
    ['<+1030>-10:30<+11>-11,M10.1.0,M4.1.0', '2026-01-01T00:00:00Z', '39600 +11'],
    ['<-02>2<-01>,M3.5.0/-1,M10.5.0/0', '2026-03-29T00:59:59Z', '-7200 -02'],
    ['<-02>2<-01>,M3.5.0/-1,M10.5.0/0', '2026-03-29T01:00:00Z', '-3600 -01'],
    ['AAA0BBB,J60/0,J300/0', '2024-03-01T00:00:00Z', '3600 BBB'],
    ['AAA0BBB,J60/0,J300/0', '2024-02-29T23:59:59Z', '0 AAA'],
    ['AAA0BBB,59/0,300/0', '2024-02-29T00:00:00Z', '3600 BBB'],
    ['XXX3EDT4,0/0,J365/23', '2026-12-31T12:00:00Z', '-14400 EDT'],
    // Without dates: those of the United States.
    ['EST5EDT', '2026-03-08T06:59:59Z', '-18000 EST'],
    ['EST5EDT', '2026-03-08T07:00:00Z', '-14400 EDT'],
    ['EST5EDT,', '2026-11-01T06:00:00Z', '-18000 EST'],
  ])('%s at %s', (rule, moment, offset) => expect(at(rule, moment)).toBe(offset));

  it.each([
    '',
    'CET',
    'Europe/Berlin',
    'CE-1',
    'CET-25',
    'CET-1CEST,M13.5.0,M10.5.0',
    'CET-1CEST,M3.0.0,M10.5.0',
    'CET-1CEST,M3.5.7,M10.5.0',
    'CET-1CEST,J0,J365',
    'CET-1CEST,366,0',
    'CET-1CEST,M3.5.0',
    'CET-1CEST,M3.5.0,M10.5.0/3 ',
    '<+3>-3',
    '+03-3',
  ])('%j is none', (rule) => expect(parsePosixZone(rule)).toBe(undefined));
});
