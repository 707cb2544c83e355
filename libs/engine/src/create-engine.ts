import type { EngineOptions } from './context.js';
import { EngineCore } from './engine-core.js';
import type { Engine } from './engine.js';

/** Throws INVALID_ARGUMENT naming the limit that makes no sense. */
export function createEngine(options: EngineOptions): Engine {
  return new EngineCore(options);
}
