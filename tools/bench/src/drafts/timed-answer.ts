/** One whole answer, timed from the request to its last byte. */
export interface TimedAnswer {
  tokensPerSecond: number;
  text: string;
  drafted: number;
  accepted: number;
}

interface Completion {
  choices: { text: string }[];
  usage: {
    completion_tokens: number;
    completion_tokens_details?: { accepted_prediction_tokens: number; rejected_prediction_tokens: number };
  };
}

/** @throws Error with what the server said when it refused. */
export async function timedAnswer(url: string, body: Readonly<Record<string, unknown>>): Promise<TimedAnswer> {
  const startMs = performance.now();
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.text();
  const seconds = (performance.now() - startMs) / 1000;
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${answer}`);
  const { choices, usage } = JSON.parse(answer) as Completion;
  const { accepted_prediction_tokens: accepted = 0, rejected_prediction_tokens: refused = 0 } =
    usage.completion_tokens_details ?? {};
  return {
    tokensPerSecond: usage.completion_tokens / seconds,
    text: choices.map(({ text }) => text).join(''),
    drafted: accepted + refused,
    accepted,
  };
}
