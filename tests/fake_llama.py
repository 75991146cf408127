"""In the place of the process that runs an embedded model: the same protocol, a script for a model.

    python tests/fake_llama.py FOLDER

FOLDER/script.json holds the steps of a `scripted_server`. Each start, and each request, is one line of JSON
in FOLDER/log.jsonl. The key is checked.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

from scripted_server import Failure, ScriptedServer, steps_from_json

if TYPE_CHECKING:
    from scripted_server import Request, Step


def command(folder: Path) -> list[str]:
    """For `EmbeddedProcess`, or codefactory.local.host."""
    return [sys.executable, __file__, str(folder)]


def write_script(folder: Path, *steps: dict[str, Any]) -> None:
    (folder / "script.json").write_text(json.dumps(steps), "utf-8")


def log(folder: Path) -> list[dict[str, Any]]:
    file = folder / "log.jsonl"
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def starts(folder: Path) -> list[dict[str, Any]]:
    return [line for line in log(folder) if line["event"] == "start"]


def is_alive(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def main(folder: Path) -> None:
    launch = json.loads(sys.stdin.readline())
    steps = steps_from_json(json.loads((folder / "script.json").read_text("utf-8")))
    script = iter(steps)
    lock = threading.Lock()

    def say(**line: Any) -> None:
        with lock, (folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def choose(request: Request) -> Step:
        say(event="request", pid=os.getpid(), body=request.body)
        if request.api_key != launch["api_key"]:
            return Failure(401, "Invalid API Key")
        return next(script, Failure(400, "the script has no step left"))

    with ScriptedServer(choose) as server:
        say(event="start", pid=os.getpid(), launch={k: v for k, v in launch.items() if k != "api_key"})
        print(json.dumps({"address": server.url.removesuffix("/v1")}), flush=True)
        while sys.stdin.read(4096):
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]))
