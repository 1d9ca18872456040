/** `barman check`: a header and one line per check. Source: docs/behaviour/check.md 1, cli.md 6.1. */
import type { CheckResult } from '../../domain/check-result.ts';
import type { Result } from '../output.ts';

export interface CheckedServer {
  readonly name: string;
  readonly isActive: boolean;
  readonly isDisabled: boolean;
}

export function checkHeader({ name, isActive, isDisabled }: CheckedServer): Result {
  const state = isActive ? (isDisabled ? ' (WARNING: disabled)' : '') : ' (inactive)';
  return {
    console: () => [`Server ${name}${state}:`],
    json: () => ({ [name]: {} }),
    check: { server: name, active: isActive },
  };
}

export function checkLine({ name, isActive }: CheckedServer, result: CheckResult): Result {
  const { ok, hint } = result;
  return {
    console: (paint) => [
      `\t${result.name}: ${ok ? paint.green('OK') : paint.red('FAILED')}${hint === '' ? '' : ` (${hint})`}`,
    ],
    json: () => ({ [name]: { [jsonKey(result.name)]: { hint, status: ok ? 'OK' : 'FAILED' } } }),
    check: { server: name, active: isActive, result },
  };
}

/** `receive-wal running` -> `receive_wal_running`. */
function jsonKey(name: string): string {
  return name.toLowerCase().replaceAll(/[ -]/g, '_').replaceAll('.', '');
}
