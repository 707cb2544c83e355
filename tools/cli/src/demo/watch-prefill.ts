import { progressBar } from '../progress-bar.js';

const STEP_TOKENS = /^longhaul_step_tokens_sum(?:\{[^}]*\})? (\S+)/m;
const POLL_MS = 250;

/** Draws a bar by the server's own counter of tokens computed in steps; the returned function ends it. */
export function watchPrefill(url: string, tokens: number): () => void {
  const bar = progressBar('Reading the document', (amount) => `${Math.round(amount)} tokens`);
  let first: number | null = null;
  let running = true;
  const poll = async () => {
    while (running) {
      const text = await fetch(`${url}/metrics`)
        .then((response) => response.text())
        .catch(() => '');
      const value = Number(STEP_TOKENS.exec(text)?.[1] ?? Number.NaN);
      if (running && Number.isFinite(value)) {
        first ??= value;
        bar.update(Math.min(tokens, value - first), tokens);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  void poll();
  return () => {
    if (!running) return;
    running = false;
    // The document has been read when the first token comes, whatever the last look at the counter said.
    bar.update(tokens, tokens);
    bar.finish();
  };
}
