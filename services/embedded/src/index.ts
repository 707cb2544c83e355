export { embeddedSettings } from './config.js';
export type { EmbeddedConfig } from './config.js';
export { createEmbeddedServer, readyLine } from './embedded-server.js';
export type { EmbeddedServer } from './embedded-server.js';
export { longhaulHome } from '@longhaul/platform-config';
