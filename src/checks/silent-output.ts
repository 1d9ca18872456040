/** An output that shows nothing: for work that a check does on the way. What it would have said goes to the log. */
import type { Log } from '../host/log.ts';
import { NO_PROGRESS } from '../output/messages.ts';
import type { Output } from '../output/output.ts';

export function silentOutput(log: Log): Output {
  const nothing = () => {};
  return {
    format: 'console',
    progress: NO_PROGRESS,
    debug: (text) => log.debug(text),
    info: (text) => log.info(text),
    warning: (text) => log.warning(text),
    error: (text) => log.error(text),
    exception: (text, stack) => log.error(text, stack),
    hint: nothing,
    result: nothing,
    close: () => 0,
  };
}
