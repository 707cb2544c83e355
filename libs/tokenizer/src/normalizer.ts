import { stringAt, objectAt, objectsAt, unsupported, type JsonObject } from './json.js';
import { compilePattern, literalPattern } from './pattern.js';

/** Rewrites a stretch of text between added tokens. Never called with the empty string. */
export type Normalizer = (text: string) => string;

type Form = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/** The `pattern` of Replace and Split: `{String}` or `{Regex}`. */
export function patternAt(value: unknown, where: string): RegExp {
  const pattern = objectAt(value, where);
  if (typeof pattern['String'] === 'string') return literalPattern(pattern['String']);
  return compilePattern(stringAt(pattern['Regex'], `${where}.Regex`));
}

function replaceWith(spec: JsonObject): Normalizer {
  const content = stringAt(spec['content'], 'normalizer.content').replaceAll('$', '$$$$');
  const literal = objectAt(spec['pattern'], 'normalizer.pattern')['String'];
  // A plain string is many times faster than an expression that spells it.
  if (typeof literal === 'string' && literal !== '') return (text) => text.replaceAll(literal, content);
  const pattern = patternAt(spec['pattern'], 'normalizer.pattern');
  return (text) => text.replace(pattern, content);
}

/** Letter by letter: JavaScript's own would spell a final sigma differently. */
function lowercase(text: string): string {
  return /\p{Lu}|\p{Lt}/u.test(text) ? Array.from(text, (char) => char.toLowerCase()).join('') : text;
}

function strip(spec: JsonObject): Normalizer {
  const left = spec['strip_left'] === false ? /(?!)/u : /^\p{White_Space}+/u;
  const right = spec['strip_right'] === false ? null : /\p{White_Space}/u;
  return (text) => {
    const rest = text.replace(left, '');
    let end = rest.length;
    while (right !== null && end > 0 && right.test(rest.charAt(end - 1))) end--;
    return rest.slice(0, end);
  };
}

function build(spec: JsonObject): Normalizer {
  const type = stringAt(spec['type'], 'normalizer.type');
  switch (type) {
    case 'Sequence': {
      const steps = objectsAt(spec['normalizers'], 'normalizer.normalizers').map(build);
      return (text) => steps.reduce((current, step) => (current === '' ? '' : step(current)), text);
    }
    case 'Prepend': {
      const prefix = stringAt(spec['prepend'], 'normalizer.prepend');
      return (text) => prefix + text;
    }
    case 'Replace':
      return replaceWith(spec);
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => text.normalize(type satisfies Form);
    case 'Lowercase':
      return lowercase;
    case 'Strip':
      return strip(spec);
    default:
      throw unsupported(`normalizer ${type} is not supported.`);
  }
}

/** The normalizer of a tokenizer.json; null there is the identity. */
export function createNormalizer(spec: unknown): Normalizer {
  if (spec === null || spec === undefined) return (text) => text;
  return build(objectAt(spec, 'normalizer'));
}
