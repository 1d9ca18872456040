/**
 * The command lines that PostgreSQL runs during recovery. A path or name goes through three readers: PostgreSQL's `%`
 * placeholders, the shell, and the configuration file; each gets its quoting here. Plain names come out as Barman writes
 * them. Source: docs/behaviour/recovery.md 8; PostgreSQL documentation, "Archive Recovery".
 */
import { typedWord } from '../text/shell-words.ts';

/** One word of a restore_command: quoted for the shell unless plain, `%` doubled for PostgreSQL. */
export function shellWord(text: string): string {
  return typedWord(text).replaceAll('%', '%%');
}

/** True for a text that no line of a configuration file can hold. */
export function breaksLine(text: string): boolean {
  return /[\n\r\0]/.test(text);
}

/** Copies a segment out of the directory in which the restore left the WAL. */
export function copyCommand(walDirectory: string): string {
  return `cp ${shellPath(walDirectory, '/%f')} %p`;
}

/** Removes that directory when the recovery has ended. */
export function cleanupCommand(walDirectory: string): string {
  return `rm -fr ${shellWord(walDirectory)}`;
}

/** Asks Barman on this host. compat 3.20.1: a standby asks for no partial file, and two blanks remain. */
export function getWalCommand(server: string, standby: boolean): string {
  return `barman get-wal ${standby ? '' : '-P'} ${shellWord(server)} %f > %p`;
}

export interface WalRestoreTarget {
  /** Of the Barman host, and the account there. */
  readonly host: string;
  readonly user: string;
  /** Of its sshd; null for the usual one. */
  readonly port: string | null;
  readonly jobs: number;
  readonly server: string;
  readonly standby: boolean;
}

/** Asks Barman from another host, by barman-wal-restore of barman-cli. */
export function walRestoreCommand({ host, user, port, jobs, server, standby }: WalRestoreTarget): string {
  return [
    'barman-wal-restore',
    ...(standby ? [] : ['-P']),
    '-U',
    shellWord(user),
    ...(port === null ? [] : ['--port', shellWord(port)]),
    shellWord(host),
    shellWord(server),
    '%f',
    '%p',
    ...(jobs > 1 ? ['-p', String(jobs)] : []),
  ].join(' ');
}

/** A directory with a placeholder behind it: the placeholder stays outside of the quotes. */
function shellPath(directory: string, rest: string): string {
  return `${shellWord(directory)}${rest}`;
}
