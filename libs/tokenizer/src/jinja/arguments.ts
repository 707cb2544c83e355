import { isBoolean, isInteger, isMapping, isNone, isString, truth, typeName, type Value } from './values.js';

/** Arguments of one call, by position and by name. */
export class Arguments {
  readonly #name: string;
  readonly #positional: readonly Value[];
  readonly #named: Map<string, Value>;
  readonly #parameters: readonly string[];

  /**
   * @param parameters names that the arguments may have, in order
   * @throws Error as Python does for too many arguments and unknown names
   */
  constructor(name: string, values: readonly Value[], parameters: readonly string[]) {
    const last = values.at(-1);
    const hasNamed = last !== undefined && last.type === 'KeywordArgumentsValue' && isMapping(last);
    this.#name = name;
    this.#named = hasNamed ? last.value : new Map<string, Value>();
    this.#positional = hasNamed ? values.slice(0, -1) : values;
    this.#parameters = parameters;
    const unknown = [...this.#named.keys()].find((key) => !parameters.includes(key));
    if (unknown !== undefined) throw new Error(`${name}() got an unexpected keyword argument '${unknown}'`);
    if (this.#positional.length > parameters.length) {
      throw new Error(`${name}() takes at most ${parameters.length} arguments (${this.#positional.length} given)`);
    }
  }

  get(parameter: string): Value | undefined {
    return this.#positional[this.#parameters.indexOf(parameter)] ?? this.#named.get(parameter);
  }

  required(parameter: string): Value {
    const value = this.get(parameter);
    if (value === undefined) throw new Error(`${this.#name}() missing argument '${parameter}'`);
    return value;
  }

  string(parameter: string): string {
    const value = this.required(parameter);
    if (isString(value)) return value.value;
    throw this.#wrong(parameter, 'str', value);
  }

  /** Null where the argument is absent or None. */
  optionalString(parameter: string): string | null {
    const value = this.get(parameter);
    return value === undefined || isNone(value) ? null : this.string(parameter);
  }

  integer(parameter: string, fallback: number): number {
    const value = this.get(parameter);
    if (value === undefined || isNone(value)) return fallback;
    if (isInteger(value)) return value.value;
    if (isBoolean(value)) return Number(value.value);
    throw this.#wrong(parameter, 'int', value);
  }

  boolean(parameter: string, fallback: boolean): boolean {
    const value = this.get(parameter);
    return value === undefined ? fallback : truth(value);
  }

  #wrong(parameter: string, wanted: string, value: Value): Error {
    return new Error(`${this.#name}() argument '${parameter}' must be ${wanted}, not ${typeName(value)}`);
  }
}
