"""Runs the calls of one client and prints a JSON line for each: {"call", "result", "note"}."""

import json
import os
import sys
import time
import urllib.request

ROOT = os.environ["CLIENTS_URL"]
BASE = ROOT + "/v1"
GRPC = os.environ["CLIENTS_GRPC"]
MODEL = os.environ["CLIENTS_MODEL"]
KEY = os.environ["CLIENTS_KEY"]
QUESTION = os.environ["CLIENTS_QUESTION"]
ANSWER = os.environ["CLIENTS_ANSWER"]
LONG = "The river is long. " * 2000

_CALLS = []


def call(name):
    """Registers a call of the client; it fails by an exception, and may return a note."""

    def register(function):
        _CALLS.append((name, function))
        return function

    return register


def refused(function, kinds, *words):
    """The error that calling the function raises; it has to be of one of the kinds and to say each of the words."""
    try:
        function()
    except kinds as error:
        missing = [word for word in words if word not in str(error)]
        assert not missing, f"the error does not say {missing}: {error}"
        return error
    raise AssertionError("was answered, should be refused")


def eventually_idle():
    """Waits until nothing runs in the server: a client that went away holds nothing."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        text = urllib.request.urlopen(ROOT + "/metrics").read().decode()
        running = [line for line in text.splitlines() if line.startswith("longhaul_num_requests_running")]
        if running and all(line.endswith(" 0") for line in running):
            return
        time.sleep(0.1)
    raise AssertionError("the request still runs")


def main():
    failed = False
    for name, function in _CALLS:
        try:
            note = function()
            result = {"call": name, "result": "ok", "note": note or ""}
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs into the table
            failed = True
            result = {"call": name, "result": "failed", "note": f"{type(error).__name__}: {error}"[:600]}
        print(json.dumps(result), flush=True)
    sys.exit(1 if failed else 0)
