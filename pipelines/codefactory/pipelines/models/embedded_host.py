"""The process that an embedded model runs in: llama.cpp's OpenAI-compatible server on loopback, by xllamacpp.

It reads one line of JSON from standard input (see `Launch`), answers with one line {"address": …} or {"error": …} on
standard output once the model is loaded, and serves until standard input ends: that is the end of its parent.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from dataclasses import dataclass
from importlib import import_module
from typing import Any

_PR_SET_PDEATHSIG = 1
_ERRORS_ONLY = 1


@dataclass(frozen=True, slots=True)
class Launch:
    """What the process is told."""

    path: str
    alias: str
    """What the server calls the model."""
    context_tokens: int
    threads: int
    api_key: str
    """Whoever asks has to know it: other users of this machine reach its loopback, too."""


def serve() -> None:
    """Run until the parent ends. For a process that was started for this alone."""
    _end_with_parent()
    launch = Launch(**json.loads(sys.stdin.readline()))
    said = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what llama.cpp prints must not become the answer
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        server = _start(launch)
        answer = {"address": server.listening_address}
    except Exception as error:  # noqa: BLE001  # whatever it was, the parent has to know it
        answer = {"error": f"{type(error).__name__}: {error}"}
    said.write(json.dumps(answer) + "\n")
    said.flush()
    if "address" in answer:
        threading.Event().wait()


def _start(launch: Launch) -> Any:
    xllamacpp: Any = import_module("xllamacpp")  # an extra: it need not be there, and has no types
    parameters = xllamacpp.CommonParams()
    parameters.model.path = launch.path
    parameters.model_alias = {launch.alias}
    parameters.n_ctx = launch.context_tokens
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = launch.threads
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [launch.api_key]
    parameters.offline = True
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.verbosity = _ERRORS_ONLY
    return xllamacpp.Server(parameters)


def _end_with_input() -> None:
    while sys.stdin.read(4096):
        pass
    os._exit(0)


def _end_with_parent() -> None:
    """Loading a model holds the interpreter, and the end of standard input is not seen then; Linux can tell besides."""
    with contextlib.suppress(ValueError, OSError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
