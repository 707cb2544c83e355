export { busErrors } from './bus-errors.js';
export type * from './event-bus.js';
export { InProcessBus } from './in-process/in-process-bus.js';
export type { InProcessBusOptions } from './in-process/in-process-bus.js';
export { KafkaBus } from './kafkajs/kafka-bus.js';
export { KAFKA_DEFAULTS } from './kafkajs/settings.js';
export type { KafkaSasl, KafkaSettings, KafkaTls } from './kafkajs/settings.js';
