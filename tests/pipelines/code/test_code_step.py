# ruff: noqa: E501 the cases are a table

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from codefactory.pipelines.code import languages
from codefactory.pipelines.definitions import loads
from codefactory.pipelines.engine import Engine
from codefactory.pipelines.engine.processes import descendants
from codefactory.pipelines.policy import AccessPolicy
from codefactory.pipelines.sandbox import survey

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
async def sandbox() -> None:
    if not any(found.sandbox for found in await survey()):
        pytest.skip("no sandbox works here")


def plan(settings: dict[str, Any]) -> Any:
    text = json.dumps({"version": 1, "name": "p", "steps": {"a": {"type": "code", "with": settings}}})
    return loads(text, "json", trusted=True).unwrap()


async def run(settings: dict[str, Any], policy: AccessPolicy | None = None, events: list[Any] | None = None) -> Any:
    engine = Engine(policy=policy or AccessPolicy())
    try:
        result = await engine.run(plan(settings), on_event=None if events is None else events.append)
    finally:
        engine.close()
    return str(result.error) if result.error else result.outputs["a"]


@pytest.mark.parametrize(
    ("language", "code", "expected"),
    [
        ("python", "output = [n * 2 for n in inputs['n']]", [2, 4]),
        ("python", "print('just', 'text')", "just text\n"),
        ("python", "output = None\nprint('x')", None),
        ("python", "import sys\noutput = 'é😀'\nsys.exit()", "é😀"),
        ("python", "class A:\n    x = 1\ndef f(): return A.x\noutput = f()", 1),
        ("javascript", "return inputs.n.map(n => n * 2)", [2, 4]),
        ("javascript", "console.log('just', 'text')", "just text\n"),
        ("javascript", "return null", None),
        ("javascript", "return (await Promise.resolve('é😀')) // the end", "é😀"),
        ("javascript", "return require('node:path').basename('/a/b')", "b"),
    ],
)
async def test_values(language: str, code: str, expected: Any) -> None:
    assert await run({"language": language, "code": code, "inputs": {"n": [1, 2]}}) == expected


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"code": "def f(x):\n    return 1 / x\n\nf(0)"}, ["(fatal)", "ZeroDivisionError: division by zero", 'File "<code>", line 2, in f', "return 1 / x"]),
        ({"code": "x = = 1"}, ["SyntaxError: invalid syntax", "line 1"]),
        ({"code": "b = bytearray(10**9)"}, ["(fatal)", "512 MB of memory (memory limit)"]),
        ({"code": "while True: pass", "cpu_s": 1}, ["(fatal)", "more than 1 s of processor time (cpu limit)"]),
        ({"code": "import time; time.sleep(60)", "wall_s": 1}, ["(timeout)", "did not end within 1 s (wall limit)"]),
        ({"code": "while True: print('x' * 1000)", "output_bytes": 99_000}, ["(fatal)", "more than 99,000 bytes (output limit)"]),
        ({"code": "import threading, time\nfor _ in range(99): threading.Thread(target=time.sleep, args=(5,), daemon=True).start()", "processes": 16}, ["16 processes"]),
        ({"code": "output = {1, 2}"}, ["(invalid_output)", "no JSON form"]),
        ({"code": "import os\nos.kill(os.getpid(), 11)"}, ["ended by SIGSEGV"]),
        ({"code": "import sys\nprint('why', file=sys.stderr)\nsys.exit(3)"}, ["exit code 3", "why"]),
        ({"code": "import sys\nsys.exit('why')"}, ["exit code 1: why"]),
        ({"language": "javascript", "code": "function f() {\n  null.x\n}\nf()"}, ["TypeError: Cannot read", "at f (code.js:2:8)"]),
        ({"language": "javascript", "code": "let a = ;"}, ["SyntaxError", "code.js:1"]),
        ({"language": "javascript", "code": "const a = []; for (;;) a.push(new Array(1000).fill(Math.random()))", "memory_mb": 96}, ["memory limit"]),
        ({"language": "javascript", "code": "setTimeout(() => { throw new Error('late') }, 1); await new Promise(() => setTimeout(() => {}, 9000))"}, ["Error: late"]),
        ({"language": "javascript", "code": "return 10n"}, ["(invalid_output)", "no JSON form"]),
        ({"language": "javascript", "code": "process.exit(4)"}, ["exit code 4"]),
        ({"interpreter": "/no/such/python", "code": "1"}, ["cannot be found"]),
    ],
    ids=lambda v: None if isinstance(v, list) else v["code"][:30],
)  # fmt: skip
async def test_failures(settings: dict[str, Any], said: list[str]) -> None:
    error = await run(settings, AccessPolicy(commands=("/no/such/python",)))
    assert [words for words in said if words not in error] == [], error
    assert "harness" not in error


async def test_what_is_printed_is_streamed() -> None:
    events: list[Any] = []
    code = "import sys\nfor n in range(3):\n    print('é' * 50_000)\nprint('oops', file=sys.stderr)\noutput = 1"
    assert await run({"code": code}, events=events) == 1
    deltas = [event.delta for event in events if event.kind == "output_delta"]
    texts = {s: "".join(d["text"] for d in deltas if d["stream"] == s) for s in ("stdout", "stderr")}
    assert texts == {"stdout": ("é" * 50_000 + "\n") * 3, "stderr": "oops\n"}


async def test_folders(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "a").write_text("1")
    code = f"open({str(tmp_path / 'out' / 'b')!r}, 'w').write(open({str(tmp_path / 'in' / 'a')!r}).read())"
    policy = AccessPolicy(read=(tmp_path / "in",), write=(tmp_path / "out",))
    settings = {"code": code, "read": [str(tmp_path / "in")], "write": [str(tmp_path / "out")]}
    assert await run(settings, policy) == ""
    assert (tmp_path / "out" / "b").read_text() == "1"


async def test_another_interpreter_brings_its_packages() -> None:
    settings = {"interpreter": sys.executable, "code": "import click\noutput = click.__name__"}
    assert await run(settings, AccessPolicy(commands=(sys.executable,))) == "click"


async def test_cancelling_ends_the_processes() -> None:
    before = set(descendants(os.getpid()))
    engine = Engine(policy=AccessPolicy())
    up = asyncio.Event()
    code = "import subprocess, sys\nprint('up', flush=True)\nsubprocess.run(['/bin/sleep', '60'])"
    running = asyncio.ensure_future(engine.run(plan({"code": code}), run_id="r", on_event=lambda e: up.set() if e.kind == "output_delta" else None))  # fmt: skip
    await asyncio.wait_for(up.wait(), 30)
    started = time.perf_counter()
    assert engine.cancel("r", "enough")
    assert (await running).status == "cancelled"
    engine.close()
    while set(descendants(os.getpid())) - before and time.perf_counter() - started < 10:  # noqa: ASYNC110 the kernel's doing
        await asyncio.sleep(0.01)
    assert not set(descendants(os.getpid())) - before


async def test_that_node_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages.shutil, "which", lambda *_, **__: None)
    assert "JavaScript needs Node" in await run({"language": "javascript", "code": "return 1"})
