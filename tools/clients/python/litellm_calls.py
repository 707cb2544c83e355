"""LiteLLM, as a client of an OpenAI-compatible server."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm  # noqa: E402

from harness import ANSWER, BASE, KEY, LONG, MODEL, QUESTION, call, main, refused  # noqa: E402

litellm.suppress_debug_info = True
SERVER = {"api_base": BASE, "api_key": KEY, "num_retries": 0}
ASK = [{"role": "user", "content": QUESTION}]


def chat(**fields):
    return litellm.completion(**{"model": f"openai/{MODEL}", "messages": ASK, "temperature": 0, **SERVER, **fields})


@call("chat")
def _():
    assert ANSWER in chat().choices[0].message.content


@call("stream")
def _():
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chat(stream=True))
    assert text == chat().choices[0].message.content


@call("hosted_vllm provider")
def _():
    assert ANSWER in chat(model=f"hosted_vllm/{MODEL}").choices[0].message.content


@call("n, logprobs, seed")
def _():
    answer = chat(n=2, seed=3, temperature=1, logprobs=True, top_logprobs=1, max_tokens=3)
    assert len(answer.choices) == 2 and answer.choices[0].logprobs.content


@call("long prompt")
def _():
    refused(lambda: chat(messages=[{"role": "user", "content": LONG}]), litellm.ContextWindowExceededError)


@call("wrong key")
def _():
    refused(lambda: chat(api_key="wrong"), litellm.AuthenticationError)


@call("unknown model")
def _():
    refused(lambda: chat(model="openai/nope"), (litellm.NotFoundError, litellm.BadRequestError), "nope")


@call("replayed history")
def _():
    said = chat().choices[0].message
    for message in (said, said.model_dump(), said.json()):
        chat(messages=[*ASK, message, {"role": "user", "content": "Again."}], max_tokens=2)


@call("tools refused")
def _():
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
    refused(lambda: chat(tools=tools), litellm.BadRequestError, "tools")


@call("JSON refused")
def _():
    refused(lambda: chat(response_format={"type": "json_object"}), litellm.BadRequestError, "response_format")


@call("text completion")
def _():
    answer = litellm.text_completion(model=f"text-completion-openai/{MODEL}", prompt="The river", max_tokens=3, **SERVER)
    assert answer.choices[0].text is not None


@call("embeddings refused")
def _():
    refused(
        lambda: litellm.embedding(model=f"openai/{MODEL}", input=["a"], **SERVER),
        (litellm.NotFoundError, litellm.BadRequestError),
        "/v1/embeddings",
    )


main()
