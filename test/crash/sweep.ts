/** Strikes a command at one call after the other and judges what is left. */
import { orderViolations } from './durability.ts';
import type { Blow, Shim } from './shim.ts';
import type { Choice, Fault, Program, Scenario } from './world.ts';

export interface PointReport {
  readonly at: number;
  readonly blow: Blow;
  readonly struck: string;
  /** Empty: the point is survived. */
  readonly faults: readonly Fault[];
}

export interface SweepReport {
  readonly scenario: string;
  readonly points: readonly PointReport[];
  /** Of a run that nobody disturbs. */
  readonly violations: readonly string[];
}

/** `choices`: the blows, and the calls that each of them strikes. */
export async function sweep(
  shim: Shim,
  program: Program,
  scenario: Scenario,
  choices: ReadonlyMap<Blow, Choice>,
): Promise<SweepReport> {
  const world = await scenario.open(shim, program);
  try {
    const calm = await world.strike(0, 'kill');
    const { code, stderr } = calm.result;
    if (code !== 0) throw new Error(`${scenario.name} fails undisturbed (${code}):\n${stderr}`);
    const calmFaults = await world.judge(calm.result);
    if (program.mustSurvive && calmFaults.length > 0) {
      throw new Error(`${scenario.name}, undisturbed: ${calmFaults.map(({ text }) => text).join('; ')}`);
    }
    const points: PointReport[] = [];
    for (const [blow, choose] of choices) {
      for (const at of choose(calm.calls.filter(({ operation }) => canMeet(operation, blow)))) {
        const { result, struck } = await world.strike(at, blow);
        if (struck !== null) points.push({ at, blow, struck, faults: await world.judge(result) });
      }
    }
    const traced = world.traced === undefined ? calm : await world.traced();
    const violations = traced === null ? [] : orderViolations(traced.steps, traced.result.code);
    return { scenario: scenario.name, points, violations: [...new Set(violations)] };
  } finally {
    await world.dispose();
  }
}

/** Calls that need no room are never refused for want of it, and only a write can be done by half. */
function canMeet(operation: string, blow: Blow): boolean {
  if (blow === 'short write') return operation === 'write';
  return blow !== 'ENOSPC' || !['unlink', 'rmdir', 'truncate'].includes(operation);
}
