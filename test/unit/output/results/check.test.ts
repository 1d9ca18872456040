import { expect, it } from 'vitest';
import { checkHeader, checkLine } from '../../../../src/output/results/check.ts';

const paint = { red: (text: string) => `R${text}`, green: (text: string) => `G${text}`, yellow: String };
const pg = { name: 'pg', state: 'ok' } as const;

it('the header tells an inactive and a disabled server', () => {
  expect(checkHeader(pg).console(paint)).toEqual(['Server pg:']);
  expect(checkHeader({ ...pg, state: 'disabled' }).console(paint)).toEqual(['Server pg (WARNING: disabled):']);
  expect(checkHeader({ ...pg, state: 'inactive' }).console(paint)).toEqual(['Server pg (inactive):']);
  expect(checkHeader(pg).json()).toEqual({ pg: {} });
  expect(checkHeader(pg).check).toEqual({ server: 'pg', active: true });
});

it('a line has its verdict in colour and its hint behind', () => {
  expect(checkLine(pg, { name: 'ssh', ok: true, hint: '' }).console(paint)).toEqual(['\tssh: GOK']);
  expect(checkLine(pg, { name: 'ssh', ok: false, hint: 'why' }).console(paint)).toEqual(['\tssh: RFAILED (why)']);
});

it('JSON keys are the names, lower case, without blanks, dashes and dots', () => {
  const json = (name: string) => checkLine(pg, { name, ok: true, hint: '' }).json();
  const value = { hint: '', status: 'OK' };
  expect(json('receive-wal running')).toEqual({ pg: { receive_wal_running: value } });
  expect(json('PostgreSQL streaming (WAL streaming)')).toEqual({
    pg: { 'postgresql_streaming_(wal_streaming)': value },
  });
  expect(json('a.b')).toEqual({ pg: { ab: value } });
});

it('Nagios gets the result', () => {
  const result = { name: 'wal size', ok: true, hint: '0 B', perfdata: { label: 'pg_wals', bytes: 0 } };
  expect(checkLine(pg, result).check).toEqual({ server: 'pg', active: true, result });
});
