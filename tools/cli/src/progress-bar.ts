const WIDTH = 30;
const REDRAW_MS = 100;

/** Something that shows how far a long step is. */
export interface ProgressBar {
  /** @param total null while it is unknown. */
  update(done: number, total: number | null): void;
  finish(): void;
}

/**
 * A progress bar on stderr: redrawn in place on a terminal, one line at the start and the end elsewhere.
 *
 * @param format writes an amount, for instance as MB.
 */
export function progressBar(title: string, format: (amount: number) => string): ProgressBar {
  const terminal = process.stderr.isTTY === true;
  let last = 0;
  let line = '';
  let started = false;
  const draw = (done: number, total: number | null) => {
    const share = total ? Math.min(1, done / total) : 0;
    const filled = Math.round(share * WIDTH);
    const bar = total
      ? `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${String(Math.floor(share * 100)).padStart(3)} %`
      : '';
    line = `${title} ${bar} ${format(done)}${total ? ` of ${format(total)}` : ''}`;
    if (terminal) process.stderr.write(`\r\x1b[K${line}`);
  };
  return {
    update(done, total) {
      if (!started && !terminal) process.stderr.write(`${title} ...\n`);
      started = true;
      const now = Date.now();
      if (now - last < REDRAW_MS && done !== total) return;
      last = now;
      draw(done, total);
    },
    finish() {
      if (!started) return;
      process.stderr.write(terminal ? '\n' : `${line}\n`);
      started = false;
    },
  };
}

/** 12345678 -> "12.3 MB". */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
