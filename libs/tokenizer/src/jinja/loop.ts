import type { Identifier, Node } from './nodes.js';
import { boolean, integer, iterate, mapping, native, undefinedValue, type Scope, type Value } from './values.js';

interface Target extends Node {
  value: Node[];
}

/** Gives an item, or the parts of it, the names of a loop. */
export function unpack(target: Node, item: Value, scope: Scope): void {
  if (target.type === 'Identifier') {
    scope.setVariable((target as Identifier).value, item);
    return;
  }
  const names = (target as Target).value;
  const parts = iterate(item);
  if (parts.length !== names.length) {
    const word = parts.length > names.length ? 'too many' : 'not enough';
    throw new Error(`${word} values to unpack (expected ${names.length}, got ${parts.length})`);
  }
  names.forEach((name, i) => {
    unpack(name, parts[i] ?? undefinedValue(), scope);
  });
}

/** The variable `loop` of one turn. */
export function loopValues(items: readonly Value[], index: number): Value {
  const { length } = items;
  return mapping(
    new Map<string, Value>([
      ['index', integer(index + 1)],
      ['index0', integer(index)],
      ['revindex', integer(length - index)],
      ['revindex0', integer(length - index - 1)],
      ['first', boolean(index === 0)],
      ['last', boolean(index === length - 1)],
      ['length', integer(length)],
      ['previtem', items[index - 1] ?? undefinedValue()],
      ['nextitem', items[index + 1] ?? undefinedValue()],
      ['cycle', native((values) => values[index % values.length] ?? undefinedValue())],
    ]),
  );
}
