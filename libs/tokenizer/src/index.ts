export { createTokenizer, type TokenizerOptions } from './create-tokenizer.js';
export type { DecodeOptions, EncodeAsyncOptions, EncodeOptions, Tokenizer } from './tokenizer.js';
export { MAX_TEXT_UNITS } from './limits.js';
export { createDetokenizer, type Detokenizer, type DetokenizerOptions } from './detokenizer.js';
export {
  createStopMatcher,
  MAX_STOPS,
  MAX_STOP_UNITS,
  type StopMatcher,
  type StopMatcherOptions,
  type StopResult,
} from './stop-matcher.js';
export {
  checkChatTemplate,
  createChatTemplate,
  encodePrompt,
  MAX_MESSAGES,
  type ChatMessage,
  type ChatTemplate,
  type ChatTemplateOptions,
} from './chat-template.js';
export { type RenderedPrompt } from './content-mask.js';
export { openLastTurn, type OpenTurn } from './open-turn.js';
export { codePointCount, TokenPlaces, type TokenPlacesOptions } from './token-places.js';
