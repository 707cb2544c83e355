type Random = () => number;
type Json = unknown;

/** Values at which checks of type, range, length and name break. */
const TELLING: readonly Json[] = [
  null,
  true,
  '',
  '1',
  'constructor',
  '__proto__',
  [],
  {},
  [[]],
  0,
  -1,
  0.5,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1e308,
  -1e308,
  1e-320,
  'x'.repeat(2000),
  '\ud800',
];

/** One to three random changes of a JSON value: another value, a key or item removed, repeated, renamed or wrapped. */
export function mutateJson(value: Json, random: Random): Json {
  const copy = structuredClone(value);
  const changes = 1 + below(random, 3);
  for (let i = 0; i < changes; i++) changeOne(copy, random);
  return copy;
}

function changeOne(root: Json, random: Random): void {
  const places = [...placesOf(root)];
  const place = places[below(random, places.length)];
  if (place === undefined) return;
  if (Array.isArray(place.parent)) changeItem(place.parent, Number(place.key), random);
  else changeKey(place.parent as Record<string, Json>, place.key, random);
}

interface Place {
  readonly parent: object;
  readonly key: string;
}

/** Every value within objects and arrays; long lists by their first items, so that all kinds come up. */
function* placesOf(value: Json): Generator<Place> {
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value).slice(0, 40)) {
    yield { parent: value, key };
    yield* placesOf((value as Record<string, Json>)[key]);
  }
}

function changeItem(list: Json[], at: number, random: Random): void {
  switch (below(random, 4)) {
    case 0:
      list.splice(at, 1);
      break;
    case 1:
      list.splice(at, 0, structuredClone(list[at]));
      break;
    case 2:
      list[at] = wrapped(list[at], random);
      break;
    default:
      list[at] = telling(random);
  }
}

function changeKey(object: Record<string, Json>, key: string, random: Random): void {
  switch (below(random, 5)) {
    case 0:
      delete object[key];
      break;
    case 1:
      define(object, String(telling(random)), object[key]);
      break;
    case 2:
      define(object, key, wrapped(object[key], random));
      break;
    default:
      define(object, key, telling(random));
  }
}

/** In an array or a `Sequence`, up to some hundred times. */
function wrapped(value: Json, random: Random): Json {
  const keys = ['normalizers', 'pretokenizers', 'processors', 'decoders'];
  const key = keys[below(random, keys.length)] as string;
  const depth = 1 + below(random, random() < 0.1 ? 300 : 10);
  let inner = value;
  for (let i = 0; i < depth; i++) inner = random() < 0.2 ? [inner] : { type: 'Sequence', [key]: [inner] };
  return inner;
}

function telling(random: Random): Json {
  return structuredClone(TELLING[below(random, TELLING.length)]);
}

/** Also a key that objects inherit becomes their own, as JSON.parse makes it. */
function define(object: Record<string, Json>, key: string, value: Json): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}
