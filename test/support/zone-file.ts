/** The file of a time zone, as zic(8) makes it. */

export interface ZoneFileTexts {
  readonly types: readonly { readonly seconds: number; readonly name: string; readonly isSummer?: boolean }[];
  /** Seconds since 1970, and the type that is in force from then on. */
  readonly changes?: readonly (readonly [from: number, type: number])[];
  /** The rule for what comes after. */
  readonly rule?: string;
  /** 1 knows times of 4 bytes and no rule. */
  readonly version?: 1 | 2;
}

export function zoneFile({ types, changes = [], rule = '', version = 2 }: ZoneFileTexts): Buffer {
  const short = block(types, changes, 4, version);
  return version === 1 ? short : Buffer.concat([short, block(types, changes, 8, version), Buffer.from(`\n${rule}\n`)]);
}

function block(
  types: ZoneFileTexts['types'],
  changes: NonNullable<ZoneFileTexts['changes']>,
  width: 4 | 8,
  version: 1 | 2,
): Buffer {
  const names = Buffer.from(types.map(({ name }) => `${name}\0`).join(''), 'latin1');
  const header = Buffer.alloc(44);
  header.write(version === 1 ? 'TZif' : 'TZif2', 'latin1');
  header.writeUInt32BE(changes.length, 32);
  header.writeUInt32BE(types.length, 36);
  header.writeUInt32BE(names.length, 40);
  const times = Buffer.alloc(changes.length * width);
  for (const [place, [from]] of changes.entries()) {
    if (width === 8) times.writeBigInt64BE(BigInt(from), place * 8);
    else times.writeInt32BE(Math.max(from, -(2 ** 31)), place * 4);
  }
  const records = Buffer.alloc(types.length * 6);
  let at = 0;
  for (const [place, { seconds, name, isSummer = false }] of types.entries()) {
    records.writeInt32BE(seconds, place * 6);
    records.writeUInt8(isSummer ? 1 : 0, place * 6 + 4);
    records.writeUInt8(at, place * 6 + 5);
    at += name.length + 1;
  }
  return Buffer.concat([header, times, Buffer.from(changes.map(([, type]) => type)), records, names]);
}
