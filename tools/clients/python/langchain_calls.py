"""LangChain for Python with its OpenAI package."""

import asyncio

import openai
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings

from harness import ANSWER, BASE, KEY, LONG, MODEL, QUESTION, call, eventually_idle, main, refused

SERVER = {"base_url": BASE, "api_key": KEY, "max_retries": 0}
model = ChatOpenAI(model=MODEL, temperature=0, **SERVER)


@call("invoke")
def _():
    answer = model.invoke(QUESTION)
    assert ANSWER in answer.content and answer.usage_metadata["output_tokens"] > 0


@call("no temperature given")
def _():
    assert ChatOpenAI(model=MODEL, max_tokens=4, **SERVER).invoke(QUESTION).content is not None


@call("stream")
def _():
    assert "".join(chunk.content for chunk in model.stream(QUESTION)) == model.invoke(QUESTION).content


@call("async, batch")
def _():
    async def run():
        return await asyncio.gather(*(model.ainvoke(QUESTION) for _ in range(3)))

    assert all(ANSWER in answer.content for answer in asyncio.run(run()))
    assert all(ANSWER in answer.content for answer in model.batch([QUESTION, QUESTION]))


@call("logprobs, n, stop")
def _():
    scored = model.bind(logprobs=True, top_logprobs=2).invoke(QUESTION)
    assert scored.response_metadata["logprobs"]["content"]
    several = ChatOpenAI(model=MODEL, n=2, temperature=1, max_tokens=3, **SERVER).generate([[HumanMessage(QUESTION)]])
    assert len(several.generations[0]) == 2
    assert "key" not in model.invoke(QUESTION, stop=["key"]).content


@call("replayed history")
def _():
    said = model.invoke(QUESTION)
    history = [SystemMessage("Be brief."), HumanMessage(QUESTION), said, HumanMessage("Again.", name="me")]
    assert isinstance(model.invoke(history, max_tokens=2), AIMessage)


@call("long prompt")
def _():
    refused(lambda: model.invoke(LONG), openai.BadRequestError, "maximum context length")


@call("cancel")
def _():
    stream = ChatOpenAI(model=MODEL, max_tokens=1500, extra_body={"ignore_eos": True}, **SERVER).stream(QUESTION)
    next(stream)
    stream.close()
    eventually_idle()


@call("tools refused")
def _():
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    refused(lambda: model.bind_tools([add]).invoke("1 + 1"), openai.BadRequestError, "tools")


@call("structured output refused")
def _():
    schema = {"title": "Out", "type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    for method in ("json_schema", "json_mode", "function_calling"):
        refused(lambda m=method: model.with_structured_output(schema, method=m).invoke("json"), openai.BadRequestError)


@call("text completion")
def _():
    assert isinstance(OpenAI(model=MODEL, max_tokens=3, **SERVER).invoke("The river"), str)


@call("embeddings refused")
def _():
    embeddings = OpenAIEmbeddings(model=MODEL, check_embedding_ctx_length=False, **SERVER)
    refused(lambda: embeddings.embed_query("a"), openai.NotFoundError, "/v1/embeddings")


main()
