/**
 * The text form of a backup record, `meta/<id>-backup.info`: `key=value` lines in alphabetical order, byte for byte as
 * Barman writes them. Source: docs/behaviour/catalog.md 3.
 */
import { BackupError } from '../errors.ts';
import { type BackupInfo, emptyBackupInfo } from './backup-info.ts';
import { type Field, FIELD_NAMES, type FieldName, fieldOf, FIELDS } from './backup-info-fields.ts';
import { formatLiteral } from '../text/python-literal.ts';

const NAME_OF_KEY = new Map<string, FieldName>(FIELD_NAMES.map((name) => [FIELDS[name].key, name]));

/** The record as text, every line ended. @throws BackupError for a value that the form cannot hold */
export function formatBackupInfo(info: BackupInfo): string {
  return FIELD_NAMES.map((name) => formatLine(fieldOf(name), info[name])).join('');
}

function formatLine({ key, isHidden, write }: Field<unknown>, value: unknown): string {
  if (value === null && isHidden) return '';
  return `${key}=${value === null ? 'None' : write(value)}\n`;
}

/**
 * Reads a record; keys that are missing are unset, as in records of older releases. `path` is only for messages.
 * @throws BackupError with the reason when the text is empty, cut, binary, or has a field or value we do not know
 */
export function parseBackupInfo(text: string, backupId: string, path: string): BackupInfo {
  if (text.includes('\0')) throw new BackupError('it holds binary data');
  const lines = text.split(/\r\n|\n|\r/);
  if (!isLastLineWhole(lines)) throw new BackupError('it is cut short: its last line has no end');
  const values: Partial<Record<FieldName, unknown>> = {};
  for (const line of lines) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const equals = line.indexOf('=');
    if (equals < 0) throw new BackupError(`invalid line ${formatLiteral(line)} in file ${path}`);
    const key = line.slice(0, equals).trim();
    const name = NAME_OF_KEY.get(key);
    if (name === undefined) throw new BackupError(unsupportedField(key));
    values[name] = readValue(fieldOf(name), line.slice(equals + 1).trim());
  }
  const reason = cutReason(values);
  if (reason !== undefined) throw new BackupError(reason);
  const given = Object.entries(values).filter(([, value]) => value !== null);
  return { ...emptyBackupInfo(backupId), ...(Object.fromEntries(given) as Partial<BackupInfo>) };
}

function unsupportedField(key: string): string {
  return `Unsupported field '${key}' found in backup metadata. This indicates the backup was created with a newer version of Barman. Please upgrade to a compatible or newer version.`;
}

function readValue({ key, read }: Field<unknown>, text: string): unknown {
  if (text === 'None') return null;
  const value = readOrExplain(key, text, read);
  if (value !== undefined) return value;
  throw new BackupError(`the value ${formatLiteral(text.slice(0, 60))} of '${key}' is not valid`);
}

function readOrExplain(key: string, text: string, read: (text: string) => unknown): unknown {
  try {
    return read(text);
  } catch (cause) {
    if (cause instanceof BackupError) throw new BackupError(`the value of '${key}' is ${cause.message}`, { cause });
    throw cause;
  }
}

/**
 * Was the end of the text lost (power cut, full disk)? Every release writes all the fields it knows, in alphabetical
 * order, so what is lost is lost from the end. The last field is xlog_segment_size; in the releases before that field it
 * is `version`. Which release wrote the text shows in the fields that are left. A cut within a line shows in its missing
 * newline: see isLastLineWhole.
 */
function cutReason(values: Partial<Record<FieldName, unknown>>): string | undefined {
  if (Object.keys(values).length === 0) return 'it is empty';
  if (values.status === undefined || values.status === null) return "it is cut short: 'status' is missing";
  const isNewer = FIELD_NAMES.some((name) => name in values && FIELDS[name].since !== 'first');
  const lastField = isNewer ? 'xlogSegmentSize' : 'version';
  return lastField in values ? undefined : `it is cut short: '${FIELDS[lastField].key}' is missing`;
}

/**
 * A newline ends it, or it is xlog_segment_size: no possible segment size is the beginning of another one, so that a
 * record which an editor left without its last newline is whole all the same.
 */
function isLastLineWhole(lines: readonly string[]): boolean {
  const last = lines.at(-1) ?? '';
  return last.trim() === '' || last.startsWith('#') || last.startsWith(`${FIELDS.xlogSegmentSize.key}=`);
}
