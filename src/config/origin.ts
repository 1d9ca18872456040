/** Where an option was written. */
export interface Origin {
  readonly file: string;
  /** From 1 on. */
  readonly line: number;
}

/** As messages name it. */
export function placeOf({ file, line }: Origin): string {
  return `${file}, line ${line}`;
}
