"""The scripted server itself, spoken to with the standard library."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import scripted_server
from scripted_server import Failure, Reply, ScriptedServer

if TYPE_CHECKING:
    from pathlib import Path


def post(url: str, content: str, **body: object) -> tuple[int, Any]:
    data = json.dumps({"messages": [{"role": "user", "content": content}], **body}).encode()
    request = urllib.request.Request(f"{url}/chat/completions", data, {"Authorization": "Bearer key"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_steps_are_taken_in_order_and_by_what_the_request_contains() -> None:
    with ScriptedServer([Reply("for b", when="b.py"), Failure(500, times=2), Reply("last", times=None)]) as server:
        answers = [post(server.url, name) for name in ("a.py", "b.py", "c.py", "d.py", "e.py")]
    assert [status for status, _ in answers] == [500, 200, 500, 200, 200]
    assert json.loads(answers[1][1])["choices"][0]["message"]["content"] == "for b"
    assert [r.status for r in server.requests] == [500, 200, 500, 200, 200]
    assert server.requests[0].prompt == "a.py"
    assert (server.requests[0].api_key, "authorization" in server.requests[0].headers) == ("key", False)


def test_counts_what_it_reports() -> None:
    with ScriptedServer([Reply("hello"), Reply("x", usage=(7, 9)), Reply("y", usage="none")]) as server:
        usages = [json.loads(post(server.url, "12345678")[1]).get("usage") for _ in range(3)]
    assert usages == [
        {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4},
        {"prompt_tokens": 7, "completion_tokens": 9, "total_tokens": 16},
        None,
    ]
    assert server.reported == (9, 11)


def test_streams_events_with_usage_only_when_asked_for() -> None:
    with ScriptedServer([Reply("ab", chunk_chars=1, times=2)]) as server:
        _, with_usage = post(server.url, "x", stream=True, stream_options={"include_usage": True})
        _, without = post(server.url, "x", stream=True)
    events = [line.removeprefix("data: ") for line in with_usage.splitlines() if line]
    deltas = [c["delta"].get("content") for e in events[:-1] for c in json.loads(e)["choices"]]
    assert deltas == ["a", "b", None]
    assert events[-1] == "[DONE]"
    assert '"usage"' in with_usage
    assert '"usage"' not in without


def test_an_exhausted_script_says_so() -> None:
    with ScriptedServer([]) as server:
        status, body = post(server.url, "x")
    assert status == 400
    assert "no step left" in body


def test_runs_as_a_program(tmp_path: Path) -> None:
    script = tmp_path / "steps.json"
    script.write_text('[{"kind": "failure", "status": 429, "retry_after_s": 0}, {"text": "hi", "usage": [1, 2]}]')
    command = [sys.executable, scripted_server.__file__, "--script", str(script)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        url = json.loads(process.stdout.readline())["url"]
        assert [post(url, "x")[0] for _ in range(2)] == [429, 200]
        log = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.stdin.close()
        assert process.wait(5) == 0
    assert [(r["status"], r["reported"]) for r in log] == [(429, None), (200, [1, 2])]
