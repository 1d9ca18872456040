/**
 * JSON as Python's json.dumps writes it, because scripts compare the text: keys sorted, `, ` and `: `, everything outside
 * ASCII escaped.
 */
import { JsonFloat } from './json-float.ts';
import type { Json, JsonObject } from './output.ts';

/** One line, or indented by `indent` blanks. */
export function jsonText(value: Json, indent = 0): string {
  return write(value, { indent, isSorted: true }, '');
}

/** The same with the keys in the order of the objects, the text standing at `margin`. */
export function jsonTextAsIs(value: Json, indent: number, margin = ''): string {
  return write(value, { indent, isSorted: false }, margin);
}

interface Form {
  readonly indent: number;
  readonly isSorted: boolean;
}

function write(value: Json, form: Form, margin: string): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number') return number(value);
  if (typeof value === 'boolean') return String(value);
  if (value instanceof JsonFloat) return Number.isInteger(value.value) ? `${value.value}.0` : number(value.value);
  const { indent, isSorted } = form;
  const inner = margin + ' '.repeat(indent);
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item) => write(item, form, inner));
    return block('[', items, ']', indent, margin, inner);
  }
  const object = value as JsonObject;
  const keys = Object.keys(object);
  if (isSorted) keys.sort(compareCodePoints);
  const items = keys.map((key) => `${quote(key)}: ${write(object[key] ?? null, form, inner)}`);
  return block('{', items, '}', indent, margin, inner);
}

function block(open: string, items: string[], close: string, indent: number, margin: string, inner: string): string {
  if (items.length === 0) return open + close;
  if (indent === 0) return `${open}${items.join(', ')}${close}`;
  return `${open}\n${inner}${items.join(`,\n${inner}`)}\n${margin}${close}`;
}

/** Python's repr of a float: exponents have two digits, JavaScript's may have one. */
function number(value: number): string {
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2');
}

function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function compareCodePoints(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Merges `extra` into `target`: objects key by key, anything else replaces. */
export function mergeJson(target: Record<string, Json>, extra: JsonObject): void {
  for (const [key, value] of Object.entries(extra)) {
    const present = target[key];
    if (isObject(present) && isObject(value)) {
      const copy = { ...present };
      mergeJson(copy, value);
      target[key] = copy;
    } else {
      target[key] = value;
    }
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonFloat);
}
