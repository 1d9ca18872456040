/** `barman errors`: every rejected file with what it is and what may be done. */
import { formatLsn } from '../../domain/wal/lsn.ts';
import type { JudgedReject } from '../../domain/wal/rejected-wal.ts';
import type { Result } from '../output.ts';

export interface ShownErrors {
  readonly server: string;
  readonly directory: string;
  readonly rejects: readonly JudgedReject[];
  /** Names that `--resolve` dealt with. */
  readonly resolved: ReadonlySet<string>;
}

export function errorsResult({ server, directory, rejects, resolved }: ShownErrors): Result {
  const open = rejects.filter(({ file, action }) => action !== null && !resolved.has(file));
  return {
    console: () => [
      `Server ${server}: ${countText(rejects.length)} in ${directory}`,
      ...rejects.flatMap((reject) => rejectLines(reject, resolved)),
      ...(open.length > 0
        ? [`${open.length} of them can be resolved safely: type "barman errors --resolve ${server}"`]
        : []),
    ],
    json: () => ({
      [server]: rejects.map((reject) => ({
        file: reject.file,
        wal_name: reject.walName,
        system_id: reject.header?.systemId ?? null,
        timeline: reject.header?.timeline ?? null,
        lsn: reject.header === null ? null : formatLsn(reject.header.start),
        relation: reject.relation,
        verdict: reject.verdict,
        action: reject.action,
        resolved: resolved.has(reject.file),
      })),
    }),
  };
}

function countText(count: number): string {
  return count === 0 ? 'no files' : count === 1 ? '1 file' : `${count} files`;
}

const DONE = { remove: 'removed', queue: 'queued again' } as const;

function rejectLines(
  { file, header, verdict, action }: JudgedReject,
  resolved: ReadonlySet<string>,
): readonly string[] {
  const done = action !== null && resolved.has(file) ? `: ${DONE[action]}` : '';
  return [
    `\t${file}${done}`,
    ...(header === null
      ? []
      : [`\t\tsystem ${header.systemId}, timeline ${header.timeline}, LSN ${formatLsn(header.start)}`]),
    `\t\t${verdict}`,
  ];
}
