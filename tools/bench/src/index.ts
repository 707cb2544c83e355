export { HALF_BILLION, type LlamaShape } from './gguf/llama-shape.js';
export { cachedRandomGguf, writeRandomGguf } from './gguf/write-random-gguf.js';
