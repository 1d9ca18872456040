/**
 * Kills the program at every call that changes a file, makes calls fail, and looks whether anything is lost. A sample of
 * the points in `npm test`; all of them, with the reference beside ours where BARMAN_REFERENCE names it, in
 * `npm run test:crash`.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GpgHome, makeGpgHome } from '../support/gpg-home.ts';
import { barmanProgram, referenceFolder } from '../support/sandbox.ts';
import { SCENARIOS } from './scenarios.ts';
import { buildShim, type Blow, type Shim } from './shim.ts';
import { type PointReport, sweep, type SweepReport } from './sweep.ts';
import { type Choice, everyCall, type Program } from './world.ts';

const isFull = process.env.BARMAN_CRASH === 'full';
const BLOWS: readonly Blow[] = isFull ? ['kill', 'EIO', 'ENOSPC', 'short write'] : ['kill', 'ENOSPC'];
/** Of the quick run: every eighth call, beginning elsewhere in each scenario; half as many for a call that fails. */
const sampled = (index: number, choose: Choice, every: number): Choice => {
  return (calls) => {
    const chosen = choose(calls);
    const step = Math.min(every, chosen.length);
    return chosen.filter((_at, place) => place % step === index % step);
  };
};

const OURS: Program = { name: 'ours', command: barmanProgram, interpreter: 'node', mustSurvive: true };

const PATIENCE = { timeout: 3_600_000 };

const reports = new Map<string, SweepReport[]>();
let shim: Shim;
let keys: GpgHome;

beforeAll(async () => {
  shim = await buildShim();
  keys = await makeGpgHome();
  // For every process of this file.
  process.env.GNUPGHOME = keys.path;
});
afterAll(async () => {
  await shim?.dispose();
  await keys?.dispose();
  process.stdout.write(table());
});

async function swept(program: Program, index: number, blows: readonly Blow[]): Promise<SweepReport> {
  const scenario = SCENARIOS[index];
  if (scenario === undefined) throw new Error('no such scenario');
  const choose = scenario.choose ?? everyCall;
  const every = scenario.sampleEvery ?? 8;
  const choices = blows.map((blow): [Blow, Choice] => [
    blow,
    isFull ? choose : sampled(index, choose, blow === 'kill' ? every : 2 * every),
  ]);
  const report = await sweep(shim, program, scenario, new Map(choices));
  reports.set(program.name, [...(reports.get(program.name) ?? []), report]);
  // A full run takes long: what is known is said.
  if (isFull) process.stdout.write(`${program.name}, ${scenario.name}: ${cell(report)}\n`);
  return report;
}

const failures = ({ points }: SweepReport) =>
  points
    .filter(({ faults }) => faults.length > 0)
    .map(
      ({ blow, at, struck, faults }) => `${blow} at ${at} (${struck}): ${faults.map(({ text }) => text).join('; ')}`,
    );

describe('our program loses nothing', { concurrent: true }, () => {
  const scenarios = SCENARIOS.map(({ name }, index) => [name, index] as const);
  const struck = scenarios.filter(([, index]) => isFull || SCENARIOS[index]?.sampleEvery !== null);
  it.each(struck)('%s', PATIENCE, async (_name, index) => {
    const report = await swept(OURS, index, BLOWS);
    expect(report.points.length).toBeGreaterThan(0);
    expect(failures(report)).toEqual([]);
    expect(report.violations).toEqual([]);
  });
});

if (isFull && referenceFolder !== undefined) {
  const command = join(referenceFolder, 'barman');
  const reference: Program = { name: 'reference', command, interpreter: 'python3', mustSurvive: false };
  describe('the reference, for comparison', { concurrent: true }, () => {
    it.each(SCENARIOS.map(({ name }, index) => [name, index] as const))('%s', PATIENCE, async (_name, index) => {
      expect((await swept(reference, index, ['kill'])).points.length).toBeGreaterThan(0);
    });
  });
}

/** Points, and how many of them ended wrong, with leftovers, wedged; violations of the order of writing. */
function table(): string {
  const lines = ['', `${'scenario'.padEnd(26)}${[...reports.keys()].map((name) => name.padEnd(46)).join('')}`];
  for (const { name } of SCENARIOS) {
    const cells = [...reports.values()].map((list) => cell(list.find(({ scenario }) => scenario === name)));
    lines.push(`${name.padEnd(26)}${cells.join('')}`);
  }
  return `${lines.join('\n')}\n`;
}

function cell(report: SweepReport | undefined): string {
  if (report === undefined) return ''.padEnd(46);
  const count = (kind: string) =>
    report.points.filter(({ faults }: PointReport) => faults.some((fault) => fault.kind === kind)).length;
  const { points, violations } = report;
  return `${points.length} points: ${count('wrong')} wrong, ${count('leftover')} left, ${count('wedged')} wedged, ${violations.length} order`.padEnd(
    46,
  );
}
