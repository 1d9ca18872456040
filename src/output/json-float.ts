/** A number that is written with a decimal point even when it is whole: `24076561.0`. */
export class JsonFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}
