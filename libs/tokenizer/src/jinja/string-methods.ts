import { Arguments } from './arguments.js';
import { aligned, braceFormat } from './string-format.js';
import {
  capitalize,
  codePointLength,
  codePointRange,
  count,
  every,
  isCase,
  partition,
  replace,
  split,
  splitLines,
  strip,
  swapCase,
  title,
  type Plain,
} from './python-text.js';
import {
  boolean,
  integer,
  isMapping,
  isTuple,
  isString,
  iterate,
  list,
  text,
  tuple,
  typeName,
  type Value,
} from './values.js';

type Method = (self: string, values: Value[], plain: Plain) => Value;

const texts = (parts: readonly string[]): Value[] => parts.map((part) => text(part));

function args(name: string, values: Value[], parameters: readonly string[]): Arguments {
  return new Arguments(name, values, parameters);
}

function stripper(name: string, left: boolean, right: boolean): Method {
  return (self, values, plain) => {
    const chars = args(name, values, ['chars']).optionalString('chars');
    return text(strip(self, { chars, left, right }, plain));
  };
}

function splitter(name: string, fromRight: boolean): Method {
  return (self, values, plain) => {
    const given = args(name, values, ['sep', 'maxsplit']);
    const options = { separator: given.optionalString('sep'), max: given.integer('maxsplit', -1), fromRight };
    return list(texts(split(self, options, plain)));
  };
}

/** `startswith` and `endswith`: one text or a tuple of them, in a range of the text. */
function edge(name: string, test: (text: string, affix: string) => boolean): Method {
  return (self, values, plain) => {
    const given = args(name, values, ['prefix', 'start', 'end']);
    const wanted = given.required('prefix');
    const [from, to] = codePointRange(self, given.integer('start', 0), given.integer('end', Infinity));
    const view = plain(self).slice(from, Math.max(from, to));
    const options = isTuple(wanted) ? wanted.value : [wanted];
    return boolean(
      options.some((option) => {
        if (isString(option)) return test(view, plain(option.value));
        throw new Error(`${name} first arg must be str or a tuple of str, not ${typeName(option)}`);
      }),
    );
  };
}

function finder(name: string, options: { last: boolean; mustFind: boolean }): Method {
  return (self, values, plain) => {
    const given = args(name, values, ['sub', 'start', 'end']);
    const wanted = plain(given.string('sub'));
    const [from, to] = codePointRange(self, given.integer('start', 0), given.integer('end', Infinity));
    const view = plain(self).slice(0, to);
    const at = options.last ? view.lastIndexOf(wanted) : view.indexOf(wanted, from);
    const found = at >= from && at >= 0;
    if (!found && options.mustFind) throw new Error('substring not found');
    return integer(found ? codePointLength(view.slice(0, at)) : -1);
  };
}

function mapped(name: string, change: (text: string) => string): Method {
  return (self, values) => {
    args(name, values, []);
    return text(change(self));
  };
}

function asked(name: string, test: (text: string) => boolean): Method {
  return (self, values, plain) => {
    args(name, values, []);
    return boolean(test(plain(self)));
  };
}

function padder(name: string, align: '<' | '>' | 'center'): Method {
  return (self, values) => {
    const given = args(name, values, ['width', 'fillchar']);
    return text(
      aligned(self, { fill: given.optionalString('fillchar') ?? ' ', align, width: given.integer('width', 0) }),
    );
  };
}

function affix(name: string, remove: (text: string, view: string, wanted: string) => string): Method {
  return (self, values, plain) => {
    const wanted = plain(args(name, values, ['affix']).string('affix'));
    return text(remove(self, plain(self), wanted));
  };
}

function partitioner(name: string, fromRight: boolean): Method {
  return (self, values, plain) => {
    return tuple(texts(partition(self, args(name, values, ['sep']).string('sep'), fromRight, plain)));
  };
}

/** Texts between which the receiver stands. */
function join(self: string, values: Value[]): Value {
  const parts = iterate(args('join', values, ['iterable']).required('iterable'));
  return text(
    parts
      .map((part, i) => {
        if (isString(part)) return part.value;
        throw new Error(`sequence item ${i}: expected str instance, ${typeName(part)} found`);
      })
      .join(self),
  );
}

function format(self: string, values: Value[]): Value {
  const last = values.at(-1);
  const named = last !== undefined && last.type === 'KeywordArgumentsValue' && isMapping(last) ? last.value : null;
  return text(braceFormat(self, named === null ? values : values.slice(0, -1), named ?? new Map<string, Value>()));
}

/** Every `str` method that templates may call; another name is undefined, and calling it an error. */
export const STRING_METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['strip', stripper('strip', true, true)],
  ['lstrip', stripper('lstrip', true, false)],
  ['rstrip', stripper('rstrip', false, true)],
  ['split', splitter('split', false)],
  ['rsplit', splitter('rsplit', true)],
  [
    'splitlines',
    (self, values) =>
      list(texts(splitLines(self, args('splitlines', values, ['keepends']).boolean('keepends', false)))),
  ],
  ['partition', partitioner('partition', false)],
  ['rpartition', partitioner('rpartition', true)],
  [
    'replace',
    (self, values, plain) => {
      const given = args('replace', values, ['old', 'new', 'count']);
      return text(
        replace(self, { old: given.string('old'), by: given.string('new'), max: given.integer('count', -1) }, plain),
      );
    },
  ],
  ['count', (self, values, plain) => integer(count(self, args('count', values, ['sub']).string('sub'), plain))],
  ['startswith', edge('startswith', (view, wanted) => view.startsWith(wanted))],
  ['endswith', edge('endswith', (view, wanted) => view.endsWith(wanted))],
  ['find', finder('find', { last: false, mustFind: false })],
  ['rfind', finder('rfind', { last: true, mustFind: false })],
  ['index', finder('index', { last: false, mustFind: true })],
  ['rindex', finder('rindex', { last: true, mustFind: true })],
  [
    'removeprefix',
    affix('removeprefix', (self, view, wanted) => (view.startsWith(wanted) ? self.slice(wanted.length) : self)),
  ],
  [
    'removesuffix',
    affix('removesuffix', (self, view, wanted) =>
      wanted !== '' && view.endsWith(wanted) ? self.slice(0, -wanted.length) : self,
    ),
  ],
  ['upper', mapped('upper', (self) => self.toUpperCase())],
  ['lower', mapped('lower', (self) => self.toLowerCase())],
  ['title', mapped('title', title)],
  ['capitalize', mapped('capitalize', capitalize)],
  ['swapcase', mapped('swapcase', swapCase)],
  ['isupper', asked('isupper', (view) => isCase(view, (whole) => whole.toUpperCase()))],
  ['islower', asked('islower', (view) => isCase(view, (whole) => whole.toLowerCase()))],
  [
    'isspace',
    asked(
      'isspace',
      (view) => view !== '' && strip(view, { chars: null, left: true, right: false }, (same) => same) === '',
    ),
  ],
  ['isdigit', asked('isdigit', (view) => every(view, /^[\p{Nd}²³¹⁰⁴-⁹₀-₉]$/u))],
  ['isdecimal', asked('isdecimal', (view) => every(view, /^\p{Nd}$/u))],
  ['isnumeric', asked('isnumeric', (view) => every(view, /^\p{N}$/u))],
  ['isalpha', asked('isalpha', (view) => every(view, /^\p{L}$/u))],
  ['isalnum', asked('isalnum', (view) => every(view, /^[\p{L}\p{N}]$/u))],
  ['isascii', asked('isascii', (view) => /^[\0-\x7f]*$/.test(view))],
  ['center', padder('center', 'center')],
  ['ljust', padder('ljust', '<')],
  ['rjust', padder('rjust', '>')],
  [
    'zfill',
    (self, values) =>
      text(aligned(self, { fill: '0', align: '=', width: args('zfill', values, ['width']).integer('width', 0) })),
  ],
  ['join', join],
  ['format', format],
]);
