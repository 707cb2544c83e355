export { createTokenizerCodec, tokenizerCodecs } from './adapters/tokenizer/tokenizer-codec.js';
export { WorkerBackend } from './adapters/worker/worker-backend.js';
export type { WorkerBackendOptions } from './adapters/worker/worker-backend.js';
export { edgeSettings, routerSettings } from './config.js';
export type { RouterConfig, RouterProcessConfig } from './config.js';
export type { ChatMessage, ChatOptions, CodecFactory, TextCodec, TextOptions } from './core/ports.js';
export { createRouterServer } from './router-server.js';
export type { RouterServer } from './router-server.js';
export type { RouterDependencies } from './router.module.js';
