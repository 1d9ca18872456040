/**
 * Commands and files on one host: this one, or the one that the administrator's ssh command leads to. Whoever uses an
 * executor need not know which; both pass one suite (test/integration/executor.test.ts).
 */
import type { RunOptions, RunResult } from './process/run.ts';

export type Command = readonly [string, ...string[]];
export type FileKind = 'file' | 'directory' | 'link' | 'other';

export interface Executor {
  /** How errors name it: `local`, or the ssh command as it was configured. */
  readonly name: string;
  readonly isRemote: boolean;
  /**
   * Runs one program to its end; every argument arrives as it is, whatever it holds. A non-zero exit is a result. On a
   * remote host `env` and `cwd` are those of the login, and exit code 255 means that ssh itself failed.
   * @throws CommandError when the program (here) or ssh (there) cannot be started
   */
  run(command: Command, options?: RunOptions): Promise<RunResult>;
  /** What is at that name, links not followed; null for nothing. @throws CommandError when it cannot be told */
  kindOf(path: string): Promise<FileKind | null>;
  /** The names in a directory, in byte order; null when there is no such directory. @throws CommandError */
  list(path: string): Promise<string[] | null>;
  /** @throws CommandError */
  readFile(path: string): Promise<Buffer>;
  /** Replaces the file: temporary name, flush, rename. @throws CommandError */
  writeFile(path: string, content: string | Uint8Array, mode?: number): Promise<void>;
  /** With the missing parents; the mode is that of the last one. @throws CommandError */
  makeDirectory(path: string, mode?: number): Promise<void>;
  /** Gone already is fine. @throws CommandError */
  removeFile(path: string): Promise<void>;
  /** The value of rsync's `-e`, with which it reaches the same host by the same connection; null on this host. */
  rsyncShell(): Promise<string | null>;
  /** Ends the connection. */
  close(): Promise<void>;
}
