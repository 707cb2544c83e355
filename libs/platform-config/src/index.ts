export { parseArguments } from './arguments.js';
export { helpText, markdownTable } from './document.js';
export { configInvalid, loadConfig, wantsHelp } from './load-config.js';
export type { ConfigSources } from './load-config.js';
export { envOf, flagOf } from './setting.js';
export type { ConfigOf, Setting, Settings } from './setting.js';
export * as values from './values.js';
export { runService } from './run-service.js';
export type { RunningService, ServiceProgram } from './run-service.js';
