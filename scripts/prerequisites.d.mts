export function postgresFolders(): string[];
export function findPostgres(): string | undefined;
export function require(names: readonly string[]): void;
