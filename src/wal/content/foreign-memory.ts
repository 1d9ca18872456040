/** The form of the file in which it is remembered of which systems the archived WAL is. */
import * as z from 'zod/mini';

const group = z.object({
  stamp: z.string(),
  newest: z.number(),
  count: z.number(),
  own: z.nullable(z.string()),
  others: z.record(z.string().check(z.regex(/^[0-9A-Fa-f]{24}$/)), z.string()),
});

export const memorySchema = z.record(z.string().check(z.regex(/^[0-9A-Fa-f]{16}$/)), group);
