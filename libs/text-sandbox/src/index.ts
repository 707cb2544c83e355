export { probeTokenizer } from './probe-tokenizer.js';
export type { ForeignEncodeOptions, PromptOptions } from './messages.js';
export { sandboxLoad, type SandboxLoad } from './sandbox-pool.js';
export { createTextSandbox, type TextSandbox } from './text-sandbox.js';
