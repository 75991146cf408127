"""An embedded model: one process, started on demand, well before each use, and gone with those who used it.

The process is real, and so is every kill; in llama.cpp's place it runs a script.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fake_llama
import pytest
from model_files import CONTENT, UNREACHABLE, entry, write_catalogue

from codefactory.pipelines.models import Message, ModelError, Usage, catalogue, embedded, embedded_process
from codefactory.pipelines.models.embedded import EmbeddedModel, embedded_model
from codefactory.pipelines.settings import LocalSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")

HELLO = (Message("user", "Say hello."),)
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the fake's script and log are; "tiny" is pulled. No process outlives a test."""
    monkeypatch.setattr(catalogue.platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    monkeypatch.setattr(catalogue.platformdirs, "user_config_dir", lambda name: str(tmp_path / "config" / name))
    monkeypatch.setattr(embedded, "_processes", {})
    write_catalogue(catalogue.user_file().parent, entry({"url": UNREACHABLE}), entry(name="other"))
    catalogue.folder().mkdir(parents=True)
    for name in ("tiny", "other"):
        (catalogue.folder() / f"{name}.gguf").write_bytes(CONTENT)
    yield tmp_path
    embedded.close_all()


def settings(folder: Path, **more: Any) -> LocalSettings:
    return LocalSettings(**({"host": fake_llama.command(folder), "context_tokens": 1024} | more))


def model(folder: Path, *steps: dict[str, Any], name: str = "embedded/tiny", **more: Any) -> EmbeddedModel:
    fake_llama.write_script(folder, *steps)
    return embedded_model(name, settings(folder, **more), timeout_s=20)


async def ask(asked: EmbeddedModel, **options: Any) -> str:
    stream = asked.complete(HELLO, max_output_tokens=100, **options)
    return "".join([chunk.text async for chunk in stream])


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  (what is waited for happens in another process)
            await asyncio.sleep(0.01)


async def until_gone(pid: int) -> None:
    await until(lambda: not fake_llama.is_alive(pid))


async def test_starts_with_the_first_question_and_serves_all(folder: Path) -> None:
    asked = model(folder, {"text": "hello"}, {"text": "again"}, {"text": "and again"})
    assert asked.process.pid is None
    chunks = [chunk async for chunk in asked.complete(HELLO, max_output_tokens=100)]
    assert "".join(c.text for c in chunks) == "hello"
    usage = chunks[-1].usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.cost_usd) == (3, 2, 0.0)
    another = embedded_model("tiny", settings(folder), timeout_s=20)
    assert sorted(await asyncio.gather(ask(asked), ask(another))) == ["again", "and again"]
    (start,) = fake_llama.starts(folder)
    assert start["pid"] == asked.process.pid == another.process.pid
    assert start["launch"]["path"] == str(catalogue.folder() / "tiny.gguf")
    assert start["launch"]["context_tokens"] == 1024
    assert embedded.pids() == {"tiny": start["pid"]}


async def test_a_schema_reaches_the_server(folder: Path) -> None:
    asked = model(folder, {"text": '{"name": "x"}'})
    assert await ask(asked, schema=SCHEMA) == '{"name": "x"}'
    (request,) = [line for line in fake_llama.log(folder) if line["event"] == "request"]
    assert request["body"]["response_format"]["json_schema"]["schema"] == SCHEMA


async def test_killed_in_the_middle_of_a_reply_it_says_so_and_the_next_call_works(folder: Path) -> None:
    asked = model(folder, {"text": "never to the end", "chunk_chars": 5, "hang_after_chunks": 1})
    async with aclosing(asked.complete(HELLO, max_output_tokens=100)) as chunks:
        assert (await anext(chunks)).text == "never"
        pid = asked.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ModelError) as caught:
            await anext(chunks)
    assert caught.value.category == "transient"
    assert "embedded/tiny: its process was killed (SIGKILL" in str(caught.value)
    assert "in the middle of the reply" in str(caught.value)
    assert "codefactory.model.apiBase" not in str(caught.value)
    fake_llama.write_script(folder, {"text": "hello"})
    assert await ask(asked) == "hello"
    assert [start["pid"] for start in fake_llama.starts(folder)] == [pid, asked.process.pid]


async def test_killed_while_idle_nobody_notices(folder: Path) -> None:
    asked = model(folder, {"text": "one"})
    assert await ask(asked) == "one"
    pid = asked.process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert await ask(asked) == "one"
    assert asked.process.pid != pid


async def test_killed_before_the_first_word_it_is_asked_again(folder: Path) -> None:
    asked = model(folder, {"kind": "hang"})
    reply = asyncio.ensure_future(ask(asked))
    await until(lambda: fake_llama.starts(folder))
    pid = asked.process.pid
    assert pid is not None
    fake_llama.write_script(folder, {"text": "hello"})
    os.kill(pid, signal.SIGKILL)
    assert await reply == "hello"


async def test_a_process_that_does_not_answer_is_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_process, "HEALTH_S", 0.3)
    asked = model(folder, {"text": "one"})
    assert await ask(asked) == "one"
    pid = asked.process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    assert await ask(asked) == "one"
    assert asked.process.pid != pid
    await until_gone(pid)


async def test_ends_when_it_is_not_used(folder: Path) -> None:
    asked = model(folder, {"text": "one"}, idle_s=0.05)
    assert await ask(asked) == "one"
    await until_gone(fake_llama.starts(folder)[0]["pid"])
    assert asked.process.pid is None
    assert await ask(asked) == "one"


async def test_one_model_in_memory_at_a_time(folder: Path) -> None:
    tiny = model(folder, {"text": "one"})
    other = model(folder, {"text": "one"}, name="embedded/other")
    assert await ask(tiny) == "one"
    assert await ask(other) == "one"
    assert tiny.process.pid is None
    assert other.process.pid is not None


async def test_cancelling_a_reply_leaves_the_process(folder: Path) -> None:
    asked = model(folder, {"text": "never to the end", "chunk_chars": 5, "hang_after_chunks": 1}, {"text": "two"})
    begun = asyncio.Event()

    async def listen() -> None:
        async for _ in asked.complete(HELLO, max_output_tokens=100):
            begun.set()

    reply = asyncio.ensure_future(listen())
    await begun.wait()
    assert asked.process.in_use
    reply.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reply
    assert not asked.process.in_use
    assert await ask(asked) == "two"
    assert len(fake_llama.starts(folder)) == 1


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (("/nowhere/llama",), "could not be started"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "ended with exit code 3 before the model was loaded"),
        ((sys.executable, "-c", "import sys; sys.exit('no such model')"), "no such model"),
        ((sys.executable, "-c", 'print(\'{"error": "RuntimeError: bad magic"}\')'), "bad magic"),
        ((sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"), "was killed (SIGKILL"),
    ],
)
async def test_a_process_that_does_not_come_up(folder: Path, host: tuple[str, ...], said: str) -> None:
    with pytest.raises(ModelError) as caught:
        await ask(model(folder, host=host))
    assert caught.value.category == "fatal"
    assert said in str(caught.value)
    assert "embedded/tiny" in str(caught.value)


async def test_the_memory_is_looked_at_before_it_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = model(folder, {"text": "one"})
    assert asked.memory == "about 302 MB of memory"
    monkeypatch.setattr(embedded, "available_bytes", lambda: 200_000_000)
    with pytest.raises(ModelError, match="takes about 302 MB of memory, and 200 MB are free"):
        await ask(asked)
    assert fake_llama.starts(folder) == []
    monkeypatch.setattr(embedded, "available_bytes", lambda: None)
    assert await ask(asked) == "one"


async def test_what_is_missing_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (catalogue.folder() / "tiny.gguf").write_bytes(b"other bytes")
    with pytest.raises(ModelError, match=r"not on this machine.*codefactory models pull tiny"):
        await ask(model(folder))
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"is not installed. pip install xllamacpp"):
        await ask(embedded_model("other", LocalSettings(), 20))
    with pytest.raises(ModelError, match="no local model 'embedded/gpt'"):
        embedded_model("embedded/gpt", LocalSettings(), 20)


async def test_a_request_that_is_too_long(folder: Path) -> None:
    said = "request (6031 tokens) exceeds the available context size (1024 tokens), try increasing it"
    with pytest.raises(ModelError) as caught:
        await ask(model(folder, {"kind": "failure", "status": 400, "message": said}))
    assert caught.value.category == "context-length"
    assert "codefactory.local.contextTokens (1,024)" in str(caught.value)


PARENT = """
import asyncio, sys
from codefactory.pipelines.models import Message
from codefactory.pipelines.models.embedded_process import EmbeddedProcess
from pathlib import Path

async def main():
    process = EmbeddedProcess("tiny", Path("tiny.gguf"), 512, command=sys.argv[1:])
    async with process.use() as use:
        print(use.endpoint.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_it_does_not_outlive_its_parent(folder: Path, by: signal.Signals) -> None:
    fake_llama.write_script(folder)
    parent = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", PARENT, *fake_llama.command(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert fake_llama.is_alive(pid)
    parent.send_signal(by)
    parent.wait(20)
    await until_gone(pid)
    parent.stdout.close()


def test_each_loop_may_use_it(folder: Path) -> None:
    asked = model(folder, {"text": "one"}, {"text": "two"})
    assert asyncio.run(ask(asked)) == "one"
    assert asyncio.run(ask(asked)) == "two"
    assert len(fake_llama.starts(folder)) == 1


def test_what_is_known_of_its_cost() -> None:
    assert asyncio.run(embedded_model("tiny", LocalSettings(), 20).price()) is not None
    assert Usage(1, 1, 0.0).cost_usd == 0.0


def test_threads_leave_room_for_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    for load, expected in ((0.3, 8), (3.2, 5), (30.0, 4)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0, 0))
        assert embedded_process.threads() == expected
        assert embedded_process.threads(2) == 2
