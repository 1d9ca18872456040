/** `barman check`: a header and one line per check. Source: docs/behaviour/check.md 1, cli.md 6.1. */
import { STATE_SUFFIX, type ServerState } from '../../domain/server-role.ts';
import type { CheckResult } from '../../domain/check-result.ts';
import type { Result } from '../output.ts';

export interface CheckedServer {
  readonly name: string;
  readonly state: ServerState;
}

export function checkHeader({ name, state }: CheckedServer): Result {
  return {
    console: () => [`Server ${name}${STATE_SUFFIX[state]}:`],
    json: () => ({ [name]: {} }),
    check: { server: name, active: state !== 'inactive' },
  };
}

export function checkLine({ name, state }: CheckedServer, result: CheckResult): Result {
  const { ok, hint } = result;
  return {
    console: (paint) => [
      `\t${result.name}: ${ok ? paint.green('OK') : paint.red('FAILED')}${hint === '' ? '' : ` (${hint})`}`,
    ],
    json: () => ({ [name]: { [jsonKey(result.name)]: { hint, status: ok ? 'OK' : 'FAILED' } } }),
    check: { server: name, active: state !== 'inactive', result },
  };
}

/** `receive-wal running` -> `receive_wal_running`. */
function jsonKey(name: string): string {
  return name.toLowerCase().replaceAll(/[ -]/g, '_').replaceAll('.', '');
}
