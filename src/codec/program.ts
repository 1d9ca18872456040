/** The program of a codec or a cipher on this host. */
import type { Program } from '../domain/codecs.ts';
import { WalError } from '../domain/errors.ts';
import { which } from '../host/process/search-path.ts';

/** Its path. @throws WalError with the way to install it */
export function requireProgram(program: Program, searchPath: string): string {
  const path = which(program.name, searchPath);
  if (path !== undefined) return path;
  throw withoutProgram(program);
}

/** The error that it is missing. */
export function withoutProgram(program: Program): WalError {
  return new WalError(`the program '${program.name}' is not in the search path`, {
    hint: `install it, e.g. "apt-get install ${program.package}", or set path_prefix`,
  });
}
