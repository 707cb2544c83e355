/** Ends the stream of OpenAI's APIs. */
export const SSE_END = 'data: [DONE]\n\n';

/** What Python's `str.splitlines` takes for the end of a line and JSON leaves as it is. */
const LINE_ENDS = /[\u0085\u2028\u2029]/gu;

/**
 * One server-sent event with data. It is one line for every client, also for those that split lines by other characters
 * than the standard's: these are written as JSON escapes. JSON escapes the control characters among them by itself.
 */
export function sseEvent(data: unknown): string {
  const line = JSON.stringify(data).replace(
    LINE_ENDS,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `data: ${line}\n\n`;
}
