/** `barman list-files`: one path on each line. Source: spec cli.md 4.20. */
import type { Result } from '../output.ts';

export function listFilesResult(paths: readonly string[]): Result {
  return {
    // One write: an archive has hundreds of thousands.
    console: () => (paths.length === 0 ? [] : [paths.join('\n')]),
    // compat 3.20.1: as messages, though they are not logged.
    json: () => (paths.length === 0 ? {} : { _INFO: paths }),
  };
}
