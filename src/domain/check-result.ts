/** The outcome of one named check of a server; `name` is Barman's spelling, scripts match on it. */
export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  /** Shown in parentheses after the verdict; '' for none. */
  readonly hint: string;
  /** Nagios performance data, bytes. */
  readonly perfdata?: { readonly label: string; readonly bytes: number };
}
