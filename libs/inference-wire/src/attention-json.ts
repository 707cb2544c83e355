import { parseModelShape } from '@longhaul/attention';
import type { AttentionFacts } from '@longhaul/inference';
import { AppError } from '@longhaul/kernel';
import { protocolError } from './protocol-error.js';

/** Of the text at most: twice what the label channels of a large model have. */
const MOST_CHARACTERS = 64 * 2 ** 20;

/**
 * What a worker says of attention.
 *
 * @throws AppError `PROTOCOL_ERROR` naming the first place that is wrong.
 */
export function fromAttentionJson(text: string): AttentionFacts {
  if (text.length > MOST_CHARACTERS) {
    throw protocolError(`attention_json of ${text.length} characters; at most ${MOST_CHARACTERS} are read`);
  }
  const value = parsed(text);
  if (typeof value !== 'object' || value === null) throw protocolError('attention_json that is no object');
  const { shape, stepPromptTokens } = value as Readonly<Record<string, unknown>>;
  if (typeof stepPromptTokens !== 'number' || !Number.isSafeInteger(stepPromptTokens) || stepPromptTokens < 0) {
    throw protocolError('attention_json whose stepPromptTokens is no whole number from 0');
  }
  try {
    return { shape: parseModelShape('shape', shape), stepPromptTokens };
  } catch (error) {
    throw protocolError(`attention_json that cannot be: ${AppError.from(error).message}`, error);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw protocolError('attention_json that is no JSON', error);
  }
}
