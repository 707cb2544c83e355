"""The official client of OpenAI for Python."""

import asyncio

import httpx
import openai

from harness import ANSWER, BASE, KEY, LONG, MODEL, QUESTION, ROOT, call, eventually_idle, main, refused

client = openai.OpenAI(base_url=BASE, api_key=KEY, max_retries=0)
ASK = [{"role": "user", "content": QUESTION}]


def chat(**fields):
    return client.chat.completions.create(**{"model": MODEL, "messages": ASK, "temperature": 0, **fields})


@call("models")
def _():
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).id == MODEL
    refused(lambda: client.models.retrieve("nope"), openai.NotFoundError)


@call("wrong key")
def _():
    other = openai.OpenAI(base_url=BASE, api_key="wrong", max_retries=0)
    refused(lambda: other.models.list(), openai.AuthenticationError, "API key")


@call("chat")
def _():
    answer = chat()
    assert ANSWER in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@call("stream")
def _():
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == chat().choices[0].message.content
    assert chunks[-1].usage.completion_tokens > 0


@call("stream helper")
def _():
    with client.chat.completions.stream(model=MODEL, messages=ASK, temperature=0) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert ANSWER in final.choices[0].message.content and "content.delta" in kinds


@call("async stream")
def _():
    async def run():
        async with openai.AsyncOpenAI(base_url=BASE, api_key=KEY, max_retries=0) as other:
            stream = await other.chat.completions.create(model=MODEL, messages=ASK, temperature=0, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert ANSWER in asyncio.run(run())


@call("n, seed")
def _():
    texts = [[c.message.content for c in chat(n=3, seed=7, temperature=1, max_tokens=8).choices] for _ in range(2)]
    assert len(texts[0]) == 3 and texts[0] == texts[1]


@call("logprobs")
def _():
    choice = chat(logprobs=True, top_logprobs=2).choices[0]
    scores = choice.logprobs.content
    assert b"".join(bytes(score.bytes) for score in scores).decode().startswith(choice.message.content)
    assert all(len(score.top_logprobs) == 2 and score.logprob <= 0 for score in scores)


@call("stop")
def _():
    choice = chat(stop=["key", "never said"]).choices[0]
    assert "key" not in choice.message.content and choice.finish_reason == "stop"


@call("max_tokens")
def _():
    for field in ("max_tokens", "max_completion_tokens"):
        answer = chat(**{field: 3})
        assert answer.usage.completion_tokens == 3 and answer.choices[0].finish_reason == "length"


@call("penalties, bias, extra body")
def _():
    chat(presence_penalty=1, frequency_penalty=-1, logit_bias={"5": -100}, user="me", metadata={"a": "b"}, max_tokens=2)
    chat(extra_body={"top_k": -1, "min_p": 0.1, "repetition_penalty": 1.1, "ignore_eos": True}, max_tokens=2)


@call("long prompt")
def _():
    long = [{"role": "user", "content": LONG}]
    error = refused(lambda: chat(messages=long), openai.BadRequestError, "maximum context length is")
    assert error.code == "context_length_exceeded", error.code


@call("cancel")
def _():
    stream = chat(stream=True, max_tokens=1500, extra_body={"ignore_eos": True})
    next(iter(stream))
    stream.close()
    eventually_idle()


@call("replayed history")
def _():
    said = chat().choices[0].message
    again = chat(messages=[*ASK, said.model_dump(), {"role": "user", "content": "Again."}])
    assert again.choices[0].message.content is not None
    as_object = chat(messages=[*ASK, said, {"role": "user", "content": "Again.", "name": "me"}])
    assert as_object.choices[0].message.content == again.choices[0].message.content


@call("text parts, developer")
def _():
    parts = [{"type": "text", "text": QUESTION}]
    assert ANSWER in chat(messages=[{"role": "user", "content": parts}]).choices[0].message.content
    chat(messages=[{"role": "developer", "content": "Be brief."}, *ASK], max_tokens=2)


@call("tools refused")
def _():
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
    error = refused(lambda: chat(tools=tools), openai.BadRequestError, "tools")
    assert error.param == "tools"
    chat(tools=openai.omit, max_tokens=1)


@call("JSON refused")
def _():
    refused(lambda: chat(response_format={"type": "json_object"}), openai.BadRequestError, "response_format")
    chat(response_format={"type": "text"}, max_tokens=1)


@call("images refused")
def _():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    refused(lambda: chat(messages=[{"role": "user", "content": [image]}]), openai.BadRequestError, "image_url")


@call("embeddings, responses refused")
def _():
    refused(lambda: client.embeddings.create(model=MODEL, input="a"), openai.NotFoundError, "/v1/embeddings")
    refused(lambda: client.responses.create(model=MODEL, input="a"), openai.NotFoundError, "/v1/responses")


@call("completions: echo, logprobs")
def _():
    answer = client.completions.create(model=MODEL, prompt="The river is", echo=True, logprobs=1, max_tokens=2, temperature=0)
    scores = answer.choices[0].logprobs
    assert answer.choices[0].text.startswith("The river is") and scores.token_logprobs[0] is None
    assert len(scores.tokens) == answer.usage.total_tokens
    joined = "".join(scores.tokens)
    assert all(joined[at:].startswith(token) for at, token in zip(scores.text_offset, scores.tokens))


@call("completions: stream, offsets")
def _():
    fields = {"model": MODEL, "prompt": "The river is", "logprobs": 1, "max_tokens": 8, "temperature": 0, "stop": "zzz"}
    whole = client.completions.create(**fields).choices[0]
    chunks = [chunk.choices[0] for chunk in client.completions.create(**fields, stream=True) if chunk.choices]
    assert "".join(chunk.text for chunk in chunks) == whole.text
    offsets = [at for chunk in chunks if chunk.logprobs for at in chunk.logprobs.text_offset]
    assert offsets == whole.logprobs.text_offset, (offsets, whole.logprobs.text_offset)


@call("line separators in a stream")
def _():
    prompt = "a\u2028b\u2029c\u0085d\x0be\x0cf"
    chunks = client.completions.create(model=MODEL, prompt=prompt, echo=True, max_tokens=1, temperature=0, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices).startswith(prompt)


@call("tokenize, detokenize")
def _():
    headers = {"authorization": f"Bearer {KEY}"}
    tokens = httpx.post(ROOT + "/tokenize", json={"prompt": "The river"}, headers=headers).json()["tokens"]
    text = httpx.post(ROOT + "/detokenize", json={"tokens": tokens}, headers=headers).json()["prompt"]
    assert text == "The river"


@call("request id")
def _():
    answer = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=ASK, max_tokens=1, extra_headers={"x-request-id": "mine"}
    )
    assert answer.headers["x-request-id"] == "mine" and answer.parse().choices


main()
