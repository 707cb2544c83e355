import type { Filter } from './filter.js';
import { getter, LIST_FILTERS } from './list-filters.js';
import type { Plain } from './python-text.js';
import { TEXT_FILTERS } from './text-filters.js';
import { isMapping, isString, iterate, list, type Value } from './values.js';

/** `map`: an attribute of every item, or a filter applied to it. */
function map(value: Value, args: Value[], plain: Plain): Value {
  const last = args.at(-1);
  const named = last !== undefined && last.type === 'KeywordArgumentsValue' && isMapping(last) ? last.value : null;
  const path = named?.get('attribute');
  if (path !== undefined) return list(iterate(value).map(getter(path, plain, named?.get('default'))));
  const [name, ...rest] = args;
  if (name === undefined || !isString(name)) throw new Error('map requires a filter argument');
  return list(iterate(value).map((item) => applyFilter(name.value, item, rest, plain)));
}

const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([...TEXT_FILTERS, ...LIST_FILTERS, ['map', map]]);

/** `value | name(args)`. @throws Error for a filter that is not built, or a value that it does not take. */
export function applyFilter(name: string, value: Value, args: Value[], plain: Plain): Value {
  const filter = FILTERS.get(name);
  if (filter === undefined) throw new Error(`No filter named '${name}'.`);
  return filter(value, args, plain);
}
