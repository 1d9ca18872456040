/** `barman list-files`: one path on each line. Source: docs/behaviour/cli.md 4.20. */
import type { Result } from '../output.ts';

/** Paths are kept in pieces of many: an archive has hundreds of thousands, and no path holds a zero byte. */
export class PathList {
  private readonly pieces: string[] = [];
  private current: string[] = [];

  add(path: string): void {
    this.current.push(path);
    if (this.current.length >= PER_PIECE) this.cut();
  }

  result(): Result {
    this.cut();
    const { pieces } = this;
    return {
      console: () => pieces.map((piece) => piece.replaceAll('\0', '\n')),
      // compat 3.20.1: as messages, though they are not logged.
      json: () => (pieces.length === 0 ? {} : { _INFO: pieces.flatMap((piece) => piece.split('\0')) }),
    };
  }

  private cut(): void {
    if (this.current.length === 0) return;
    this.pieces.push(this.current.join('\0'));
    this.current = [];
  }
}

const PER_PIECE = 2_000;
