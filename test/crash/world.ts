/** What a sweep needs to know of a command and of what it can lose. */
import type { Blow, Call, Shim, StruckRun } from './shim.ts';
import type { ProgramResult } from '../support/sandbox.ts';

export interface Program {
  readonly name: string;
  readonly command: string;
  /** How the name of its interpreter begins. */
  readonly interpreter: string;
  /** Ours: any fault of an undisturbed run is one of the test itself. */
  readonly mustSurvive: boolean;
}

export type FaultKind = 'wrong' | 'leftover' | 'wedged';

export interface Fault {
  readonly kind: FaultKind;
  readonly text: string;
}

export interface Scenario {
  readonly name: string;
  /** Which calls of an undisturbed run are worth a blow; all of them when it is left out. */
  readonly choose?: Choice;
  /** A quick run strikes one of so many of these, none for null; 8 when it is left out. */
  readonly sampleEvery?: number | null;
  /** Sets everything up for one program. */
  readonly open: (shim: Shim, program: Program) => Promise<World>;
}

export interface World {
  /** Puts everything back as it was, then runs the command; call number `at` is struck, 0 is none. */
  strike(at: number, blow: Blow): Promise<StruckRun>;
  /** An undisturbed run for the order of writing; null: it cannot be judged. That of `strike(0)` when it is left out. */
  traced?(): Promise<StruckRun | null>;
  /** Looks at what is left, as it is and after one repair by cron. Empty: it is survived. */
  judge(result: ProgramResult): Promise<readonly Fault[]>;
  dispose(): Promise<void>;
}

/** Numbers of the calls that are struck. */
export type Choice = (calls: readonly Call[]) => readonly number[];

export const everyCall: Choice = (calls) => calls.map(({ number }) => number);

/** So many calls of one kind at one place are told from each other. */
const SAME = 8;

/**
 * Every call, but of many equal ones - writes to one file, files made below one `data` - the first, the middle and the last:
 * a copy of a cluster makes thousands.
 */
export const everyKindOfCall: Choice = (calls) => {
  const kinds = new Map<string, Call[]>();
  for (const call of calls) {
    const kind = `${call.operation} ${placeOf(call.path)}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), call]);
  }
  return [...kinds.values()]
    .flatMap((same) => (same.length <= SAME ? same : [same[0], same[same.length >> 1], same.at(-1)]))
    .flatMap((call) => call?.number ?? [])
    .sort((left, right) => left - right);
};

/** `pg/base/ID/data/global/1` -> `pg/base/ID/data`. */
function placeOf(path: string): string {
  return path.split('/').slice(0, 4).join('/');
}
