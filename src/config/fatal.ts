/** A configuration error whose message carries its own label (or none): it is printed as it is. */
import { ConfigError } from '../domain/errors.ts';

export class FatalConfigError extends ConfigError {}
