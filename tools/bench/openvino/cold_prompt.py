"""Reads a whole prompt with OpenVINO GenAI and answers some tokens; one measurement, as JSON on the last line.

The model is a GGUF file, the prompt random token ids, the scheduler takes it in chunks. "first_token_seconds" is the time
from the request to the first token, "token_seconds" the mean of those after it. Loading is not counted, nor is a
short prompt before that lets everything be compiled.
"""

import argparse
import json
import random
import time

import numpy
import openvino
import openvino_genai

WARM_TOKENS = 64
FIRST_ID = 300


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--answer", type=int, required=True)
    parser.add_argument("--chunk", type=int, required=True)
    parser.add_argument("--vocab", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--attention", choices=["dense", "xattention"], required=True)
    return parser.parse_args()


def scheduler(options):
    config = openvino_genai.SchedulerConfig()
    config.max_num_batched_tokens = options.chunk
    config.dynamic_split_fuse = True
    config.enable_prefix_caching = False
    config.max_num_seqs = 1
    if options.attention == "xattention":
        config.use_sparse_attention = True
        config.sparse_attention_config = openvino_genai.SparseAttentionConfig(
            mode=openvino_genai.SparseAttentionMode.XATTENTION
        )
    return config


def prompt(count, vocab, seed):
    numbers = random.Random(seed)
    ids = numpy.array([[numbers.randrange(min(FIRST_ID, vocab >> 2), vocab) for _ in range(count)]], dtype=numpy.int64)
    return openvino_genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(numpy.ones_like(ids)))


def generation(tokens):
    config = openvino_genai.GenerationConfig()
    config.max_new_tokens = tokens
    config.min_new_tokens = tokens
    config.ignore_eos = True
    config.do_sample = False
    return config


def main():
    options = arguments()
    pipeline = openvino_genai.LLMPipeline(
        options.model,
        "CPU",
        scheduler_config=scheduler(options),
        INFERENCE_NUM_THREADS=options.threads,
    )
    pipeline.generate(prompt(WARM_TOKENS, options.vocab, 1), generation(2))
    started = time.monotonic()
    metrics = pipeline.generate(prompt(options.tokens, options.vocab, 2), generation(options.answer)).perf_metrics
    seconds = time.monotonic() - started
    print(
        json.dumps(
            {
                "first_token_seconds": metrics.get_ttft().mean / 1000,
                "token_seconds": metrics.get_tpot().mean / 1000,
                "answered": metrics.get_num_generated_tokens(),
                "read": metrics.get_num_input_tokens(),
                "seconds": seconds,
            }
        )
    )


main()
