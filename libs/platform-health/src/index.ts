export { livenessBody, readinessBody } from './health-body.js';
export type { HealthBody } from './health-body.js';
export { HealthController } from './health.controller.js';
export { HealthModel } from './health-model.js';
export type { CheckOptions, CheckReading, CheckState, CheckWeight, HealthCheck, HealthReport } from './health-model.js';
