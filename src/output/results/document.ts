/** A whole JSON document as the answer of a command: as it is on the console, one text in `_INFO` with `-f json`. `-q` hides it. */
import type { Result } from '../output.ts';

export function documentResult(text: string): Result {
  return { console: () => [text], json: () => ({ _INFO: [text] }) };
}
