/** What `rsync --version` says, and whether it will do. */

/** [major, minor, patch] */
export type RsyncVersion = readonly [number, number, number];

/** A backup reads from a changing directory: `--ignore-missing-args` came with 3.1.0. */
export const OLDEST_SOURCE: RsyncVersion = [3, 1, 0];
/** A restore writes: protocol 30. */
export const OLDEST_TARGET: RsyncVersion = [3, 0, 0];

/** undefined for what is no answer of rsync. openrsync calls itself `2.6.9 compatible`, and is. */
export function parseRsyncVersion(text: string): RsyncVersion | undefined {
  const found = /version v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text.replace(/protocol version \d+/g, ''));
  return found ? [Number(found[1]), Number(found[2]), Number(found[3] ?? 0)] : undefined;
}

export function isAtLeast(version: RsyncVersion, oldest: RsyncVersion): boolean {
  const at = version.findIndex((part, index) => part !== oldest[index]);
  return at < 0 || (version[at] as number) > (oldest[at] as number);
}

/** The complaint about an rsync that is too old; null for one that will do, and for an answer that cannot be read. */
export function judgeRsync(text: string, oldest: RsyncVersion, where: string): string | null {
  const version = parseRsyncVersion(text);
  if (version === undefined || isAtLeast(version, oldest)) return null;
  return `rsync ${version.join('.')} ${where} is too old: ${oldest[0]}.${oldest[1]} or later is needed`;
}
