/**
 * File names are bytes, texts are not. Bytes that are no UTF-8 become the lone surrogates U+DC80 to U+DCFF, as Python has
 * them (PEP 383), so that a name can be shown in JSON and be printed as the very bytes that it is.
 */

/** A name whose characters are its bytes (latin1) as a text. */
export function nameText(binary: string): string {
  if (!/[\u0080-\u00ff]/.test(binary)) return binary;
  const bytes = Buffer.from(binary, 'latin1');
  const text = bytes.toString('utf8');
  if (Buffer.from(text).equals(bytes)) return text;
  let result = '';
  for (let start = 0; start < bytes.length;) {
    const length = [1, 2, 3, 4].find((size) => isCharacter(bytes.subarray(start, start + size))) ?? 0;
    result +=
      length > 0
        ? bytes.toString('utf8', start, start + length)
        : String.fromCharCode(0xdc00 + (bytes[start] as number));
    start += Math.max(length, 1);
  }
  return result;
}

function isCharacter(bytes: Uint8Array): boolean {
  try {
    return Array.from(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)).length === 1;
  } catch {
    return false;
  }
}

const LONE = /(?<![\ud800-\udbff])[\udc80-\udcff]/;

/** What to write for a text: the text itself, or its bytes when it holds some that are no UTF-8. */
export function writableText(text: string): string | Uint8Array {
  if (!LONE.test(text)) return text;
  const parts = text.split(/((?<![\ud800-\udbff])[\udc80-\udcff])/);
  return Buffer.concat(
    parts.map((part) => (LONE.test(part) ? Buffer.of(part.charCodeAt(0) - 0xdc00) : Buffer.from(part))),
  );
}
