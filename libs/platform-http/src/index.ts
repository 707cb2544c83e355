export { listenHttp } from './listen-http.js';
export type { HttpAddress, HttpDoor } from './listen-http.js';
export { openOperations } from './open-operations.js';
export type { OperationsParts } from './open-operations.js';
export { OperationsController } from './operations.controller.js';
export { TELEMETRY } from './telemetry-token.js';
