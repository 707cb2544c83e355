export { startBlockEvents } from './block-events.js';
export type { BlockEvents, BlockEventsOptions, EventBound } from './block-events.js';
export { meteredEvents, observeEvents } from './event-metrics.js';
export type { DropReason, EventObserver } from './event-observer.js';
export { eventSettings, kafkaSettings } from './settings.js';
export type { EventConfig } from './settings.js';
