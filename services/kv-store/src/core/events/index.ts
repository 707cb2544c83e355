export { BATCH_EVENTS, EventLog, type NewEvent } from './event-log.js';
