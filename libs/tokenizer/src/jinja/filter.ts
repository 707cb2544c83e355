import type { Plain } from './python-text.js';
import type { Value } from './values.js';

/** A filter; its arguments come as those of a call. */
export type Filter = (value: Value, args: Value[], plain: Plain) => Value;
