/**
 * require_auth and channel_binding=require: refuse to go on before a password leaves this host.
 * Source: PostgreSQL documentation, "Parameter Key Words".
 */
import { PostgresError } from '../../domain/errors.ts';
import type { WireConnection } from './connection.ts';
import type { Parameters } from './parameters.ts';

interface Request {
  readonly method: 'password' | 'md5' | 'scram-sha-256' | 'none';
  readonly words: string;
}

const REQUESTS: Readonly<Record<string, Request>> = {
  authenticationCleartextPassword: { method: 'password', words: 'server requested a cleartext password' },
  authenticationMD5Password: { method: 'md5', words: 'server requested a hashed password' },
  authenticationSASL: { method: 'scram-sha-256', words: 'server requested SASL authentication' },
  authenticationOk: { method: 'none', words: 'server did not complete authentication' },
};

/** Listens before pg does: closing the socket here keeps pg from answering. */
export function guardAuthentication(wire: WireConnection, parameters: Parameters, encrypted: boolean): void {
  const { require_auth: wanted, channel_binding: binding } = parameters.keywords;
  if (wanted === undefined && binding !== 'require') return;
  const refuse = (message: string) => {
    wire.emit('error', new PostgresError(message));
    wire.stream.destroy();
  };
  let asked = false;
  for (const [event, request] of Object.entries(REQUESTS)) {
    wire.on(event, (message: { mechanisms?: readonly string[] }) => {
      if (request.method === 'none' && asked) return;
      asked = true;
      if (wanted !== undefined && !isAllowed(wanted, request.method)) {
        refuse(`authentication method requirement "${wanted}" failed: ${request.words}`);
      } else if (binding === 'require' && !(encrypted && message.mechanisms?.includes('SCRAM-SHA-256-PLUS'))) {
        refuse(
          'channel binding is required, but server did not offer an authentication method that supports channel binding',
        );
      }
    });
  }
}

/** `require_auth` is a list of methods, or of `!method` that are refused. */
function isAllowed(wanted: string, method: string): boolean {
  const words = wanted.split(',').map((word) => word.trim());
  return words[0]?.startsWith('!') ? !words.includes(`!${method}`) : words.includes(method);
}
