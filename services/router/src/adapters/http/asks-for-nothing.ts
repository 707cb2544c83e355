type Body = Readonly<Record<string, unknown>>;
type AsksForNothing = (value: unknown, body: Body) => boolean;

const never: AsksForNothing = () => false;
const always: AsksForNothing = () => true;
const off: AsksForNothing = (value) => value === false;
const on: AsksForNothing = (value) => value === true;
const is =
  (...words: unknown[]): AsksForNothing =>
  (value) =>
    words.includes(value);
const empty: AsksForNothing = (value) =>
  Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;

/**
 * Fields of OpenAI's API and of its peers (vLLM, LiteLLM) that we know and do not have, with the values that ask for
 * nothing. Null asks for nothing in all of them. Any other value is refused as `NOT_SUPPORTED`.
 */
export const FIELDS_WE_LACK: Readonly<Record<string, AsksForNothing>> = {
  tools: empty,
  tool_choice: is('none', 'auto'),
  parallel_tool_calls: always,
  functions: empty,
  function_call: is('none', 'auto'),
  response_format: (value) => isObject(value) && value['type'] === 'text',
  modalities: (value) => Array.isArray(value) && value.every((item) => item === 'text'),
  service_tier: is('auto', 'default'),
  store: off,
  best_of: (value, body) => value === 1 || value === (body['n'] ?? 1),
  suffix: is(''),
  audio: never,
  prediction: never,
  reasoning_effort: is('none'),
  verbosity: is('medium'),
  web_search_options: never,
  prompt_cache_retention: is('in_memory', 'in-memory'),
  // vLLM's
  use_beam_search: off,
  length_penalty: is(1),
  early_stopping: off,
  spaces_between_special_tokens: always,
  truncate_prompt_tokens: never,
  allowed_token_ids: never,
  bad_words: empty,
  logits_processors: empty,
  return_tokens_as_token_ids: off,
  return_token_ids: off,
  include_reasoning: on,
  documents: empty,
  chat_template: never,
  mm_processor_kwargs: empty,
  structured_outputs: empty,
  guided_json: never,
  guided_regex: never,
  guided_choice: never,
  guided_grammar: never,
  structural_tag: never,
  guided_decoding_backend: never,
  guided_whitespace_pattern: never,
  prompt_embeds: never,
  kv_transfer_params: empty,
  vllm_xargs: empty,
  // One API's field in the other
  echo: off,
  add_special_tokens: off,
};

/** The same for the fields of one message. */
export const MESSAGE_FIELDS_WE_LACK: Readonly<Record<string, AsksForNothing>> = {
  tool_calls: empty,
  function_call: never,
  tool_call_id: never,
  audio: never,
  parsed: never,
  // What clients add to the messages of an answer, and send back. It asks the model for nothing.
  annotations: (value) => Array.isArray(value),
  provider_specific_fields: isObject,
  thinking_blocks: empty,
  reasoning_details: empty,
  images: empty,
};

/**
 * Takes the fields out that ask for nothing.
 *
 * @param known fields that are had after all: the schema decides about them.
 * @returns the others, and the first field that asks for something that we lack, or null.
 */
export function withoutNothing(
  body: Body,
  lacking: typeof FIELDS_WE_LACK,
  known: Body = {},
): { rest: Body; refused: string | null } {
  const isLacked = (key: string) => Object.hasOwn(lacking, key) && !Object.hasOwn(known, key);
  const entries = Object.entries(body);
  const asking = entries.find(([key, value]) => isLacked(key) && value !== null && !lacking[key]?.(value, body));
  // Not by assignment: a field called __proto__ would become the prototype and never be seen.
  return { rest: Object.fromEntries(entries.filter(([key]) => !isLacked(key))), refused: asking?.[0] ?? null };
}

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
