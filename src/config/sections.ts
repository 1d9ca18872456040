/**
 * The merged configuration: every section with the text of each option and the file it came from.
 * Source: docs/behaviour/config.md 2 and 3.
 */
import { type IniFile, interpolate } from './ini.ts';
import type { Origin } from './origin.ts';

export interface SourcedValue {
  /** As the file has it, `%(key)s` resolved once; quotes still there. */
  readonly raw: string;
  /** Where it was set last. */
  readonly origin: Origin;
}

export type Sections = ReadonlyMap<string, ReadonlyMap<string, SourcedValue>>;

/** `base` with another file on top: same sections are merged key by key, the later value wins. */
export function mergeSections(base: Sections, file: IniFile, path: string): Sections {
  const merged = new Map(base);
  for (const [name, values] of file) {
    const section = new Map(merged.get(name));
    for (const [key, { text, line }] of values) section.set(key, { raw: text, origin: { file: path, line } });
    merged.set(name, section);
  }
  return merged;
}

/** True when putting `file` on top of `base` would change anything in `[name]`. */
export function changesSection(base: Sections, file: IniFile, name: string): boolean {
  const current = base.get(name);
  return [...(file.get(name) ?? [])].some(([key, { text }]) => current?.get(key)?.raw !== text);
}

/**
 * The values of a section ready for use: `%` resolved for the second time, one pair of quotes removed; the bare word
 * `None` is an empty text.
 * @throws ConfigError (level exception) for a `%` that does not resolve
 */
export function consumeSection(sections: Sections, name: string): ReadonlyMap<string, string> {
  const section = sections.get(name) ?? new Map<string, SourcedValue>();
  const consumed = new Map<string, string>();
  const rawOf = (key: string) => section.get(key)?.raw;
  for (const [key, { raw, origin }] of section) {
    if (!raw.includes('%')) {
      consumed.set(key, unquote(raw));
      continue;
    }
    consumed.set(key, unquote(interpolate(raw, rawOf, { section: name, key, origin })));
  }
  return consumed;
}

const QUOTED = /^(["'])([^\n]*)\1$/;

function unquote(value: string): string {
  if (value === 'None') return '';
  return QUOTED.exec(value)?.[2] ?? value;
}
