/** How a number behaves over time. A gauge is read when it is scraped. */
export type MetricKind = 'counter' | 'gauge' | 'histogram';

export interface MetricDefinition {
  name: string;
  kind: MetricKind;
  /** UCUM unit; `1` for shares and counts. */
  unit: string;
  help: string;
  /** What to do when it looks wrong. */
  action: string;
  labels: readonly string[];
  /** The name that existing dashboards for vLLM read; the same samples appear under it, with the label `engine`. */
  alias?: string;
  buckets?: readonly number[];
}

/** Wide on purpose: a prompt of a million tokens may take the better part of an hour to first token. */
export const WAIT_SECONDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560,
];
export const TOKEN_GAP_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10, 20, 40, 80,
];
export const TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576];
/** Powers of two up to the tokens of a step; what vLLM's dashboards expect. */
export const STEP_TOKENS = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];
/** Of a whole; close where little is left. */
export const SHARES = [0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
/** Of a divergence, in nats: from what rounding makes to what no longer is the same model. */
export const NATS = [1e-5, 1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];
export const CHOICES = [1, 2, 5, 10, 20];
/** How long blocks stay: from a busy pool of milliseconds to hours. */
export const RESIDENCE_SECONDS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200,
];
/** From a lookup in memory to a get over a slow network. */
export const OPERATION_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4, 8, 16, 32, 64,
];
