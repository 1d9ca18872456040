/** What a primary prints for a passive node, checked before anything in it is believed. Source: docs/behaviour/wal.md 11. */
import * as z from 'zod/mini';
import { isBackupId } from '../domain/backup/backup-id.ts';
import { CommandError } from '../domain/errors.ts';
import { parseWalName } from '../domain/wal/wal.ts';

const PARTS = { error: 'parts of it are missing' };
const LAST = { error: 'it has no last WAL' };
/** In the order in which what is wrong is told. */
const DOCUMENT = z.object(
  {
    last_position: z.int(LAST),
    last_name: z.string(LAST),
    backups: z.record(z.string(), z.unknown(), PARTS),
    wals: z.array(z.unknown(), PARTS),
    config: z.record(z.string(), z.unknown(), PARTS),
  },
  { error: 'it is no JSON object' },
);
const WAL = z.object({ name: z.string().check(z.refine((name) => parseWalName(name) !== undefined)) });
export type PrimaryDocument = z.infer<typeof DOCUMENT>;

/**
 * Names in it become paths and arguments of rsync later: one bad name and all of it is refused.
 * @throws CommandError
 */
export function readPrimaryDocument(server: string, text: string): PrimaryDocument {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw refused(server, 'it is no JSON document', cause);
  }
  const { data: document, error } = DOCUMENT.safeParse(json);
  if (document === undefined) throw refused(server, error?.issues[0]?.message ?? '', error);
  const { last_name: lastName, wals } = document;
  if (lastName !== '' && !parseWalName(lastName)) throw refused(server, `'${lastName}' is no WAL name`);
  // As they stand there: what zod makes of them lacks a key named `__proto__`.
  const badId = Object.keys((json as PrimaryDocument).backups).find((id) => !isBackupId(id));
  if (badId !== undefined) throw refused(server, `'${badId}' is no backup id`);
  const badWal = wals.find((wal) => !WAL.safeParse(wal).success);
  if (badWal !== undefined) throw refused(server, `${JSON.stringify(badWal)} is no WAL file`);
  return document;
}

function refused(server: string, reason: string, cause?: unknown): CommandError {
  return new CommandError(`the answer of the primary of server ${server} cannot be used: ${reason}`, {
    cause,
    hint: `see what "barman sync-info ${server}" prints on the primary; a login message in the shell's start-up files would spoil it`,
  });
}
