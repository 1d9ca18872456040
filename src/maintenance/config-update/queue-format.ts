/** The shape of one entry of the queue. A number or a truth value is what Barman queued of JSON that had one. */
import * as z from 'zod';
import type { ChangeSet } from './request.ts';

const VALUE = z.union([z.string(), z.number().transform(String), z.boolean().transform((on) => (on ? 'on' : 'off'))]);
const CHANGE = z
  .object({ key: z.string(), value: VALUE, config_file: z.string() })
  .transform(({ key, value, config_file }) => ({ key, value, configFile: config_file }));
const SET = z
  .object({ section: z.string(), changes_set: z.array(CHANGE) })
  .transform(({ section, changes_set }): ChangeSet => ({ section, changes: changes_set }));

export function parseSet(raw: unknown): ChangeSet | undefined {
  return SET.safeParse(raw).data;
}
