/** `SHA256SUMS` and `MD5SUMS`, as sha256sum(1) and md5sum(1) write them. Source: docs/behaviour/wal.md 8. */

export interface ChecksumList {
  /** File name -> checksum, lower case. */
  readonly sums: ReadonlyMap<string, string>;
  /** Lines that are none. */
  readonly bad: readonly string[];
}

const LINE = /^([0-9A-Fa-f]+) [* ](.+)$/;

export function parseChecksums(text: string): ChecksumList {
  const sums = new Map<string, string>();
  const bad: string[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const match = LINE.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) bad.push(line);
    else sums.set(match[2], match[1].toLowerCase());
  }
  return { sums, bad };
}

/** One line for a file. */
export function formatChecksum(sum: string, name: string): string {
  return `${sum} *${name}\n`;
}
