import { Environment, Interpreter, parse, tokenize, type Scope, type Value } from './library.js';

export type { Scope, Value };
export type Native = (args: Value[], scope: Scope) => Value;

type Held<V> = Value & { readonly value: V };
/** The library exports no classes of values, so they are taken from values that it makes. */
type Make<V> = new (value: V) => Held<V>;

function sample(value: unknown): Value {
  return new Environment().set('sample', value);
}

/** A value that no JavaScript value turns into; `source` is an expression that makes one. */
function evaluated(source: string): Value {
  const environment = new Environment();
  return new Interpreter(environment).evaluate(
    parse(tokenize(`{{ ${source} }}`, { trim_blocks: false, lstrip_blocks: false })).body[0],
    environment,
  );
}

const IntegerValue = sample(0).constructor as Make<number>;
const FloatValue = sample(0.5).constructor as Make<number>;
const StringValue = sample('').constructor as Make<string>;
const BooleanValue = sample(true).constructor as Make<boolean>;
const NullValue = sample(null).constructor as Make<null>;
const UndefinedValue = sample(undefined).constructor as Make<undefined>;
const ArrayValue = sample([]).constructor as Make<Value[]>;
const TupleValue = evaluated('(1, 2)').constructor as Make<Value[]>;
const ObjectValue = sample({}).constructor as Make<Map<string, Value>>;
const FunctionValue = sample(() => null).constructor as Make<Native>;
const NamespaceValue = evaluated('namespace()').constructor as Make<Map<string, Value>>;

export const isInteger = (value: Value): value is Held<number> => value instanceof IntegerValue;
export const isFloat = (value: Value): value is Held<number> => value instanceof FloatValue;
export const isString = (value: Value): value is Held<string> => value instanceof StringValue;
export const isBoolean = (value: Value): value is Held<boolean> => value instanceof BooleanValue;
export const isNone = (value: Value): boolean => value instanceof NullValue;
export const isUndefined = (value: Value): boolean => value instanceof UndefinedValue;
/** A list or a tuple. */
export const isSequence = (value: Value): value is Held<Value[]> => value instanceof ArrayValue;
export const isTuple = (value: Value): value is Held<Value[]> => value instanceof TupleValue;
export const isMapping = (value: Value): value is Held<Map<string, Value>> => value instanceof ObjectValue;
export const isNamespace = (value: Value): value is Held<Map<string, Value>> => value instanceof NamespaceValue;
export const isFunction = (value: Value): value is Held<Native> => value instanceof FunctionValue;

export const integer = (value: number): Value => new IntegerValue(value);
export const float = (value: number): Value => new FloatValue(value);
export const text = (value: string): Value => new StringValue(value);
export const boolean = (value: boolean): Value => new BooleanValue(value);
export const none = (): Value => new NullValue(null);
export const undefinedValue = (): Value => new UndefinedValue(undefined);
export const list = (items: Value[]): Value => new ArrayValue(items);
export const tuple = (items: Value[]): Value => new TupleValue(items);
export const mapping = (entries: Map<string, Value>): Value => new ObjectValue(entries);
export const native = (run: Native): Value => new FunctionValue(run);

/** Integers, floats and booleans as Python counts with them; null for anything else. */
export function numberOf(value: Value): number | null {
  if (isBoolean(value)) return value.value ? 1 : 0;
  return isInteger(value) || isFloat(value) ? value.value : null;
}

export const truth = (value: Value): boolean => value.__bool__().value;

/** A type as Python names it in its errors. */
export function typeName(value: Value): string {
  if (isInteger(value)) return 'int';
  if (isFloat(value)) return 'float';
  if (isString(value)) return 'str';
  if (isBoolean(value)) return 'bool';
  if (isNone(value)) return 'NoneType';
  if (isUndefined(value)) return 'Undefined';
  if (isTuple(value)) return 'tuple';
  if (isSequence(value)) return 'list';
  if (isMapping(value)) return 'dict';
  return isNamespace(value) ? 'Namespace' : 'function';
}

/** What a loop, `join` or `list` goes through. @throws Error when Python could not iterate it. */
export function iterate(value: Value): Value[] {
  if (isSequence(value)) return value.value;
  if (isString(value)) return Array.from(value.value, text);
  if (isMapping(value)) return Array.from(value.value.keys(), text);
  if (isUndefined(value)) return [];
  throw new Error(`'${typeName(value)}' object is not iterable`);
}
