const WIDTH = 30;
const REDRAW_MS = 100;
/** Where nothing can be redrawn. */
const TELL_MS = 30_000;
/** Rates are over the last seconds: a line that slows down shows it. */
const RATE_WINDOW_MS = 5000;
const RATE_MIN_MS = 500;

/** Something that shows how far a long step is. */
export interface ProgressBar {
  /** @param total null while it is unknown. */
  update(done: number, total: number | null): void;
  finish(): void;
}

/**
 * A progress bar on stderr: redrawn in place on a terminal; elsewhere a line at the start, at the end and every half minute.
 * Where the total is unknown the amount and its rate are all there is to show.
 *
 * @param format writes an amount, for instance as MB.
 */
export function progressBar(title: string, format: (amount: number) => string): ProgressBar {
  const terminal = process.stderr.isTTY === true;
  let last: number | null = null;
  let told = performance.now();
  let line = '';
  let started = false;
  const rate = rateMeter();
  const draw = (done: number, total: number | null, now: number) => {
    const perSecond = rate(done, now);
    const share = total ? Math.min(1, done / total) : 0;
    const filled = Math.round(share * WIDTH);
    const bar = total
      ? `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${String(Math.floor(share * 100)).padStart(3)} %`
      : '';
    const speed = perSecond === null ? '' : `, ${format(perSecond)}/s`;
    line = [title, bar, `${format(done)}${total ? ` of ${format(total)}` : ''}${speed}`].filter(Boolean).join(' ');
    if (terminal) process.stderr.write(`\r\x1b[K${line}`);
  };
  return {
    update(done, total) {
      if (!started && !terminal) process.stderr.write(`${title} ...\n`);
      started = true;
      const now = performance.now();
      if (last !== null && now - last < REDRAW_MS && done !== total) return;
      last = now;
      draw(done, total, now);
      if (!terminal && now - told >= TELL_MS) {
        told = now;
        process.stderr.write(`${line}\n`);
      }
    },
    finish() {
      if (!started) return;
      process.stderr.write(terminal ? '\n' : `${line}\n`);
      started = false;
    },
  };
}

/** Amount per second over the last seconds; null at the beginning. */
export function rateMeter(): (done: number, nowMs: number) => number | null {
  const seen: { done: number; ms: number }[] = [];
  return (done, ms) => {
    seen.push({ done, ms });
    while (seen.length > 2 && ms - (seen[1] as { ms: number }).ms >= RATE_WINDOW_MS) seen.shift();
    const first = seen[0] as { done: number; ms: number };
    return ms - first.ms < RATE_MIN_MS || done < first.done ? null : ((done - first.done) * 1000) / (ms - first.ms);
  };
}

/** 12345678 -> "12.3 MB". */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
