"""Runs the code of a step inside of the sandbox. Not imported: given to `python -I -c` as text.

Reads {"code", "inputs"} from stdin; writes {"output"?} or {"error"} to the pipe whose number is in CODEFACTORY_RESULT.
"""

from __future__ import annotations

import json
import linecache
import os
import sys
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME = "<code>"


def main() -> None:
    pipe = int(os.environ.pop("CODEFACTORY_RESULT"))
    os.set_inheritable(pipe, False)
    request = json.load(sys.stdin)
    code = request["code"]
    linecache.cache[NAME] = (len(code), None, code.splitlines(keepends=True), NAME)
    names: dict[str, Any] = {"__name__": "__main__", "inputs": request["inputs"]}
    status = 0
    try:
        exec(compile(code, NAME, "exec"), names)  # noqa: S102 it is what we are for
        result = _result(names)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        message = "" if isinstance(error.code, int) else str(error.code)
        failure = {"type": "SystemExit", "message": message, "trace": ""}
        result = {"error": failure} if status else _result(names)
    except BaseException as error:  # noqa: BLE001 whatever it is, it is told
        status = 1
        result = {"error": _failure(error)}
    data = json.dumps(result, allow_nan=False).encode()
    sys.stdout.flush()
    with os.fdopen(pipe, "wb") as file:
        file.write(data)
    sys.exit(status)


def _result(names: dict[str, Any]) -> dict[str, Any]:
    if "output" not in names:
        return {}
    try:
        json.dumps(names["output"], allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return {"error": {"type": "output", "message": str(error), "trace": ""}}
    return {"output": names["output"]}


def _failure(error: BaseException) -> dict[str, Any]:
    """With the frames of the code, and none of ours."""
    if isinstance(error, MemoryError):
        return {"type": "MemoryError", "message": "", "trace": ""}
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != NAME:
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace, limit=-20))
    return {"type": type(error).__name__, "message": str(error), "trace": text}


main()
