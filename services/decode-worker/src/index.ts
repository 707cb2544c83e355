export { addWorkerService } from './adapters/grpc/worker.service.js';
export { engineSettings, workerSettings } from './config.js';
export type { EngineConfig, WorkerConfig } from './config.js';
export { openLocalEngine } from './local-engine.js';
export type { LocalEngine } from './local-engine.js';
export { createWorkerServer } from './worker-server.js';
export type { ListenConfig, WorkerServer } from './worker-server.js';
