import { fromByteAlphabet } from './byte-level.js';
import { objectAt, stringAt, unsupported, type JsonObject } from './json.js';
import { MAX_REPLACEMENT_UNITS } from './limits.js';
import { pipelineSteps } from './pipeline.js';

/** How tokens turn back into text. */
export interface TokenDecoder {
  /** Bytes of one token, wherever it stands but at the start. */
  bytes(token: string): Uint8Array;
  /** Bytes of the first token of a text; differs where the tokenizer puts a space in front of every text. */
  firstBytes(token: string): Uint8Array;
  /** Spaces to take off the start of a text: 1 where the tokenizer puts one there. */
  readonly stripStart: 0 | 1;
}

const utf8 = new TextEncoder();
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;

interface Steps {
  replacements: { literal: string; content: string }[];
  byteAlphabet: boolean;
  byteFallback: boolean;
  stripStart: 0 | 1;
  /** Metaspace: the mark becomes a space, and nothing at all in the first token when `dropFirst`. */
  mark: { text: string; dropFirst: boolean } | null;
}

function readStrip(spec: JsonObject): 0 | 1 {
  const { content, start, stop } = spec;
  if (content !== ' ' || (start !== 0 && start !== 1) || stop !== 0) {
    throw unsupported('decoder Strip is supported only for at most one space at the start.');
  }
  return start;
}

/** Tokens are decoded one by one, wherever they turn up, so nothing here may take long: no expressions. */
function readReplacement(spec: JsonObject): { literal: string; content: string } {
  const literal = objectAt(spec['pattern'], 'decoder.pattern')['String'];
  const content = stringAt(spec['content'], 'decoder.content');
  if (typeof literal !== 'string' || literal === '') {
    throw unsupported('decoder Replace is supported only for a plain string.');
  }
  if (content.length > MAX_REPLACEMENT_UNITS) {
    throw unsupported(`decoder.content has more than ${MAX_REPLACEMENT_UNITS} units.`);
  }
  return { literal, content };
}

function readStep(spec: JsonObject, steps: Steps): void {
  const type = stringAt(spec['type'], 'decoder.type');
  switch (type) {
    case 'Replace':
      steps.replacements.push(readReplacement(spec));
      break;
    case 'ByteLevel':
      steps.byteAlphabet = true;
      break;
    case 'ByteFallback':
      steps.byteFallback = true;
      break;
    case 'Fuse':
      break;
    case 'Strip':
      steps.stripStart = readStrip(spec);
      break;
    case 'Metaspace':
      steps.mark = {
        text: stringAt(spec['replacement'], 'decoder.replacement'),
        dropFirst: (spec['prepend_scheme'] ?? (spec['add_prefix_space'] === false ? 'never' : 'always')) !== 'never',
      };
      break;
    default:
      throw unsupported(`decoder ${type.slice(0, 80)} is not supported.`);
  }
}

function pieceBytes(token: string, steps: Steps, first: boolean): Uint8Array {
  let text = token;
  for (const { literal, content } of steps.replacements) text = text.replaceAll(literal, () => content);
  if (steps.mark !== null) text = text.replaceAll(steps.mark.text, first && steps.mark.dropFirst ? '' : ' ');
  const byte = steps.byteFallback ? BYTE_TOKEN.exec(text)?.[1] : undefined;
  if (byte !== undefined) return Uint8Array.of(parseInt(byte, 16));
  return (steps.byteAlphabet ? fromByteAlphabet(text) : null) ?? utf8.encode(text);
}

/** Reads `decoder` of a tokenizer.json. */
export function readDecoder(spec: unknown): TokenDecoder {
  const steps: Steps = { replacements: [], byteAlphabet: false, byteFallback: false, stripStart: 0, mark: null };
  if (spec === null || spec === undefined) throw unsupported('a missing decoder is not supported.');
  for (const step of pipelineSteps(spec, 'decoders', 'decoder')) readStep(step, steps);
  return {
    bytes: (token) => pieceBytes(token, steps, false),
    firstBytes: (token) => pieceBytes(token, steps, true),
    stripStart: steps.stripStart,
  };
}
