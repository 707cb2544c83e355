/** What came back over HTTP. */
export interface Answer<T = unknown> {
  status: number;
  headers: Headers;
  body: T;
}

/** A plain JSON request, for endpoints and fields that the OpenAI client does not know. */
export async function post<T = unknown>(url: string, body: unknown): Promise<Answer<T>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as T };
}

/** Token ids of a conversation in the model's chat template, as the server counts them. */
export async function chatTokens(url: string, content: string): Promise<readonly number[]> {
  const messages = [{ role: 'user', content }];
  const { body } = await post<{ tokens: number[] }>(`${url}/tokenize`, { messages });
  return body.tokens;
}
