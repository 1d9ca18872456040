/**
 * One run of `check` over one server: it names the check at work, judges, logs and hands over the results, and stops
 * when the time is up. Source: docs/behaviour/check.md 1.5 to 1.7.
 */
import type { CheckResult } from '../domain/check-result.ts';
import type { MaybeVerdict } from '../domain/check-verdicts.ts';
import { BarmanError, errnoOf, messageOf } from '../domain/errors.ts';
import type { ServerScope } from '../server/scope.ts';
import { silentOutput } from './silent-output.ts';

/** Thrown inside a run whose time is up: nothing it would still find is wanted. */
export class CheckExpired extends Error {}

export interface CheckRun {
  readonly scope: ServerScope;
  /** 0 for no limit. */
  readonly timeoutSeconds: number;
  /** Aborted when the time is up. */
  readonly signal: AbortSignal;
  /**
   * Runs one check. An expected failure (ours or the system's) is a FAILED line with its message.
   * Returns the verdict; undefined when there was no line.
   */
  check(name: string, judge: () => Promise<MaybeVerdict> | MaybeVerdict): Promise<boolean | undefined>;
  /** A line of its own below the last result. */
  note(text: string): void;
}

export interface CheckListener {
  readonly onResult: (result: CheckResult) => void;
  readonly onNote?: (text: string) => void;
  /** True for a failure that does not count in this run: it is logged as ignored. */
  readonly ignores?: (name: string) => boolean;
}

export interface RunningChecks extends CheckRun {
  /** Ends the run: logs the check at work and reports the timeout as the last result. */
  expire(): void;
  /** Every result so far. */
  readonly results: readonly CheckResult[];
}

export function openChecks(scope: ServerScope, timeoutSeconds: number, listener: CheckListener): RunningChecks {
  const log = scope.log.named('barman.server');
  const timeUp = new AbortController();
  const signal = AbortSignal.any([scope.signal, timeUp.signal]);
  const quiet: ServerScope = { ...scope, output: silentOutput(log), signal };
  const results: CheckResult[] = [];
  let atWork = '';

  const report = (result: CheckResult) => {
    if (result.ok) log.debug(`Check '${result.name}' succeeded for server '${scope.name}'`);
    else if (listener.ignores?.(result.name)) {
      log.info(`Ignoring failed check '${result.name}' for server '${scope.name}'`);
    } else log.error(`Check '${result.name}' failed for server '${scope.name}'`);
    results.push(result);
    listener.onResult(result);
  };

  const judged = async (judge: () => Promise<MaybeVerdict> | MaybeVerdict): Promise<MaybeVerdict> => {
    try {
      return await judge();
    } catch (error) {
      const isExpected = error instanceof BarmanError || errnoOf(error) !== undefined;
      if (!isExpected) throw error;
      return { ok: false, hint: firstLine(messageOf(error)) };
    }
  };

  return {
    scope: quiet,
    timeoutSeconds,
    signal,
    results,
    check: async (name, judge) => {
      if (timeUp.signal.aborted) throw new CheckExpired();
      atWork = name;
      log.debug(`Starting check: '${name}'`);
      const verdict = await judged(judge);
      if (timeUp.signal.aborted) throw new CheckExpired();
      if (verdict === null) return undefined;
      report({
        name: verdict.name ?? name,
        ok: verdict.ok,
        hint: verdict.hint ?? '',
        ...(verdict.bytes === undefined
          ? {}
          : { perfdata: { label: perfLabel(scope.name, name), bytes: verdict.bytes } }),
      });
      return verdict.ok;
    },
    note: (text) => listener.onNote?.(text),
    expire: () => {
      timeUp.abort('timeout');
      log.info(`Check command timed out executing '${atWork}' check`);
      const result: CheckResult = { name: 'check timeout', ok: false, hint: 'barman check command timed out' };
      results.push(result);
      listener.onResult(result);
    },
  };
}

function perfLabel(server: string, check: string): string {
  return check === 'wal size' ? `${server}_wals` : server;
}

/** A hint is one line: Nagios and the console count on it. */
function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
