/** What one job may take before its process is ended. */
export interface JobBudget {
  /** Wall time, waiting for a place not counted. */
  timeMs: number;
}

/** Most heap of a sandbox process; beyond it the process ends, and nothing else does. */
export const HEAP_MIB = 1024;
/** Processes of one sandbox; one is kept warm, the other starts when it is needed. */
export const MAX_PROCESSES = 2;
/** Most jobs that wait for a process. Above what a router admits, so that it says no first. */
export const MAX_QUEUED = 1024;
/** Longest start of a process. */
export const START_MS = 30_000;

const RENDER_MS = 5_000;
const ENCODE_MS = 5_000;
/** A tokenizer that is not hostile encodes several thousand units in a millisecond. */
const UNITS_PER_MS = 500;

/** Budget of a chat template: no known one needs more than some milliseconds for a long conversation. */
export function renderBudget(): JobBudget {
  return { timeMs: RENDER_MS };
}

/** Budget of the tokenizer's own expressions over a text. */
export function encodeBudget(units: number): JobBudget {
  return { timeMs: ENCODE_MS + Math.ceil(units / UNITS_PER_MS) };
}
