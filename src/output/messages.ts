/** Where the text of every message also goes: the log. Declared here so that output depends on domain alone. */
export interface MessageLog {
  debug(text: string): void;
  info(text: string): void;
  warning(text: string): void;
  error(text: string, stack?: string): void;
}

/** A live line that draws nothing: JSON, Nagios. */
export const NO_PROGRESS = { enabled: false, update: () => {}, clear: () => {} } as const;
