import type { MetricDefinition } from './metric-definition.js';

/** The process itself, under the names that Prometheus clients of all languages use. */
export const PROCESS_METRICS = {
  processCpuSeconds: {
    name: 'process_cpu_seconds_total',
    kind: 'counter',
    unit: 's',
    help: 'Processor time of the process, in user and system mode.',
    action: 'Its rate is the number of busy processors.',
    labels: [],
  },
  processStartTime: {
    name: 'process_start_time_seconds',
    kind: 'gauge',
    unit: 's',
    help: 'When the process began, in Unix time.',
    action: 'Changes often: it is being restarted; look for the reason.',
    labels: [],
  },
  processResidentMemory: {
    name: 'process_resident_memory_bytes',
    kind: 'gauge',
    unit: 'By',
    help: 'Resident memory: mapped weights and the KV pool as far as they have been touched included.',
    action: 'Near the limit of the container: lower --kv-cache-bytes.',
    labels: [],
  },
  processVirtualMemory: {
    name: 'process_virtual_memory_bytes',
    kind: 'gauge',
    unit: 'By',
    help: 'Virtual memory. No sample where the system does not tell.',
    action: 'Says little by itself: the KV pool is mapped as a whole.',
    labels: [],
  },
  processOpenFds: {
    name: 'process_open_fds',
    kind: 'gauge',
    unit: '{file}',
    help: 'Open file descriptors. No sample where the system does not tell.',
    action: 'Near the maximum: raise it; steadily growing: a defect.',
    labels: [],
  },
  processMaxFds: {
    name: 'process_max_fds',
    kind: 'gauge',
    unit: '{file}',
    help: 'Most open file descriptors. No sample where the system does not tell.',
    action: 'Set by ulimit.',
    labels: [],
  },
} as const satisfies Record<string, MetricDefinition>;
