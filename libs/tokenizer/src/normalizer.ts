import { stringAt, unsupported, type JsonObject } from './json.js';
import { MAX_REPLACEMENT_UNITS } from './limits.js';
import { lowercaseStep } from './normalize/lowercase.js';
import { replaceLiteral } from './normalize/replace-literal.js';
import { TextParts, type Normalizer } from './normalize/steps.js';
import { strip } from './normalize/strip.js';
import { unicodeForm } from './normalize/unicode-form.js';
import { pipelineSteps } from './pipeline.js';
import type { PatternReader } from './split/pattern-reader.js';
import { PAUSE, type Splitter } from './split/splitter.js';

export type { Normalizer } from './normalize/steps.js';

const SPANS_PER_PAUSE = 1024;

function replace(spec: JsonObject, patterns: PatternReader): Normalizer {
  const content = stringAt(spec['content'], 'normalizer.content');
  const pattern = patterns.read(spec['pattern'], 'normalizer.pattern', true);
  if (pattern.kind === 'literal' && pattern.literal !== '') {
    return replaceLiteral(pattern.literal, content, 'normalizer.content');
  }
  if (content.length > MAX_REPLACEMENT_UNITS) {
    throw unsupported(`normalizer.content has more than ${MAX_REPLACEMENT_UNITS} units.`);
  }
  return replaceMatches(pattern.split, content);
}

function replaceMatches(split: Splitter, content: string): Normalizer {
  return function* (text) {
    const parts = new TextParts();
    let spans = 0;
    for (const span of split(text)) {
      if (++spans % SPANS_PER_PAUSE === 0 || span === PAUSE) yield;
      if (span !== PAUSE) parts.push(span.match ? content : span.text);
    }
    return parts.join();
  };
}

function build(spec: JsonObject, patterns: PatternReader): Normalizer {
  const type = stringAt(spec['type'], 'normalizer.type');
  switch (type) {
    case 'Prepend': {
      const prefix = stringAt(spec['prepend'], 'normalizer.prepend');
      if (prefix.length > MAX_REPLACEMENT_UNITS) {
        throw unsupported(`normalizer.prepend has more than ${MAX_REPLACEMENT_UNITS} units.`);
      }
      return function* (text) {
        return prefix + text;
      };
    }
    case 'Replace':
      return replace(spec, patterns);
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return unicodeForm(type);
    case 'Lowercase':
      return lowercaseStep;
    case 'Strip':
      return strip(spec['strip_left'] !== false, spec['strip_right'] !== false);
    default:
      throw unsupported(`normalizer ${type.slice(0, 80)} is not supported.`);
  }
}

/** The normalizer of a tokenizer.json; null there is the identity. */
export function createNormalizer(spec: unknown, patterns: PatternReader): Normalizer {
  const steps = pipelineSteps(spec, 'normalizers', 'normalizer').map((step) => build(step, patterns));
  return function* (text) {
    let current = text;
    for (const step of steps) current = current === '' ? '' : yield* step(current);
    return current;
  };
}
