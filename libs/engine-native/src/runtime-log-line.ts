/** One line that ONNX Runtime wrote, from `warning` on. Names of nodes and shapes are in it, never tokens. */
export interface RuntimeLogLine {
  severity: 'verbose' | 'info' | 'warning' | 'error' | 'fatal';
  /** Who wrote it: a session, or the library itself. */
  category: string;
  /** Source file, line and function inside the library. */
  location: string;
  message: string;
}

/** Called on the JavaScript thread. `lost`: how many lines were given up before the first of these. */
export type RuntimeLogListener = (lines: readonly RuntimeLogLine[], lost: number) => void;
