"""gRPC for Python: messages compiled from our proto files, and messages found by reflection."""

import importlib
import os
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_tools import protoc

from harness import ANSWER, GRPC, KEY, LONG, MODEL, QUESTION, call, eventually_idle, main, refused

PROTO = os.environ["CLIENTS_PROTO"]
FILE = "longhaul/inference/v1/inference.proto"
SERVICE = "longhaul.inference.v1.InferenceService"

out = tempfile.mkdtemp()
assert protoc.main(["protoc", f"-I{PROTO}", f"--python_out={out}", f"--grpc_python_out={out}", FILE]) == 0
sys.path.insert(0, out)
pb = importlib.import_module("longhaul.inference.v1.inference_pb2")
rpc = importlib.import_module("longhaul.inference.v1.inference_pb2_grpc")

channel = grpc.insecure_channel(GRPC)
stub = rpc.InferenceServiceStub(channel)
META = [("authorization", f"Bearer {KEY}")]


def request(**fields):
    chat = pb.ChatInput(messages=[pb.ChatMessage(role="user", content=QUESTION)])
    return pb.GenerateRequest(**{"chat": chat, "sampling": pb.Sampling(temperature=0), **fields})


def generate(message=None, metadata=META, **options):
    return list(stub.Generate(message or request(), metadata=metadata, **options))


@call("ModelInfo")
def _():
    assert stub.ModelInfo(pb.ModelInfoRequest(), metadata=META).id == MODEL


@call("Generate")
def _():
    events = generate()
    assert ANSWER in "".join(event.delta.text for event in events)
    assert events[-1].WhichOneof("event") == "done" and events[-1].done.completion_tokens > 0


@call("Tokenize")
def _():
    assert stub.Tokenize(pb.TokenizeRequest(text="The river"), metadata=META).token_ids


@call("without a key")
def _():
    for function in (
        lambda: generate(metadata=[]),
        lambda: stub.ModelInfo(pb.ModelInfoRequest()),
        lambda: stub.Tokenize(pb.TokenizeRequest(text="a")),
    ):
        assert refused(function, grpc.RpcError).code() == grpc.StatusCode.UNAUTHENTICATED


@call("out of range")
def _():
    bad = request(sampling=pb.Sampling(repetition_penalty=1e-39))
    error = refused(lambda: generate(bad), grpc.RpcError, "repetition_penalty")
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT


@call("long prompt")
def _():
    error = refused(lambda: generate(request(prompt=LONG)), grpc.RpcError, "maximum context length")
    assert error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE)


@call("no message")
def _():
    raw = channel.unary_stream(f"/{SERVICE}/Generate", request_serializer=lambda data: data)
    error = refused(lambda: list(raw(b"\xff\xff\xff\xff", metadata=META)), grpc.RpcError)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error.code()


@call("cancel, deadline")
def _():
    long = request(max_tokens=1500, stop=pb.Stop(ignore_eos=True))
    stream = stub.Generate(long, metadata=META)
    next(stream)
    stream.cancel()
    error = refused(lambda: generate(long, timeout=0.05), grpc.RpcError)
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    eventually_idle()


class WithKey(grpc.StreamStreamClientInterceptor):
    """Adds the key to calls of a library that takes no metadata."""

    def intercept_stream_stream(self, continuation, details, requests):
        return continuation(details._replace(metadata=META), requests)


@call("reflection")
def _():
    database = ProtoReflectionDescriptorDatabase(grpc.intercept_channel(channel, WithKey()))
    pool = descriptor_pool.DescriptorPool(database)
    services = sorted(database.get_services())
    for name in services:
        for method in pool.FindServiceByName(name).methods:
            message_factory.GetMessageClass(method.input_type)
    assert SERVICE in services and "grpc.health.v1.Health" in services
    return ", ".join(services)


main()
