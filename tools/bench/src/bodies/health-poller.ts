/**
 * A process of its own that asks a server for its health all the time: whoever sends thirty megabytes cannot measure. It
 * is told an address, and answers every message with the worst answer since the last one.
 */
const PAUSE_MS = 10;
const [url = ''] = process.argv.slice(2);
let worstMs = 0;
let sinceMs = 0;

async function ask(): Promise<void> {
  sinceMs = performance.now();
  await fetch(`${url}/health`)
    .then((answer) => answer.arrayBuffer())
    .catch(() => undefined);
  worstMs = Math.max(worstMs, performance.now() - sinceMs);
  setTimeout(() => void ask(), PAUSE_MS);
}

process.on('message', () => {
  // A request under way counts as far as it has come.
  process.send?.(Math.max(worstMs, performance.now() - sinceMs - PAUSE_MS));
  worstMs = 0;
});
process.on('disconnect', () => process.exit());
void ask();
