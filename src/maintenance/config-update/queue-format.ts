/** The shape of the queue and of one of its entries. A number or a truth value is what Barman queued of JSON that had one. */
import * as z from 'zod/mini';
import type { ChangeSet } from './change.ts';

const VALUE = z.union([
  z.string(),
  z.pipe(z.number(), z.transform(String)),
  z.pipe(
    z.boolean(),
    z.transform((on) => (on ? 'on' : 'off')),
  ),
]);
const CHANGE = z.pipe(
  z.object({ key: z.string(), value: VALUE, config_file: z.string() }),
  z.transform(({ key, value, config_file }) => ({ key, value, configFile: config_file })),
);
const SET = z.pipe(
  z.object({ section: z.string(), changes_set: z.array(CHANGE) }),
  z.transform(({ section, changes_set }): ChangeSet => ({ section, changes: changes_set })),
);
const QUEUE = z.array(z.unknown());

/** What stands in the file; undefined when that is no JSON list. */
export function parseQueue(text: string): readonly unknown[] | undefined {
  try {
    return QUEUE.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export function parseSet(raw: unknown): ChangeSet | undefined {
  return SET.safeParse(raw).data;
}
