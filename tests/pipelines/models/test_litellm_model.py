"""What is litellm's own: its price table, its import, its names."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from model_calls import KEY, ask, failure, litellm_at
from scripted_server import Failure, Hang, Reply, ScriptedServer

from codefactory.pipelines.models import LiteLLMModel, Message, ModelError, Usage, litellm_process

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_cost_is_that_of_the_price_table() -> None:
    with ScriptedServer([Reply("hello", usage=(1000, 100))]) as server:
        model = LiteLLMModel("openai/gpt-4o-mini", api_base=server.url, api_key=KEY)
        usage = (await ask(model))[-1].usage
        price = await model.price()
        unknown = await litellm_at(server.url).price()
    assert price is not None
    assert usage is not None
    assert usage.cost_usd == pytest.approx(price.of(1000, 100))
    assert usage.cost_usd == pytest.approx(0.00021)
    assert unknown is None


async def test_a_model_that_repeats_itself_is_stopped() -> None:
    error = await failure(litellm_at, Reply("abc" * 200, chunk_chars=3))
    assert error.category == "invalid"
    assert "repeats itself" in str(error)


async def test_a_key_of_the_environment_does_not_go_to_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    with ScriptedServer([Reply("hello")]) as server:
        await ask(LiteLLMModel("openai/scripted", api_base=server.url))
    assert server.requests[0].api_key == "none"


async def test_a_missing_key_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ModelError, match=r"Set OPENAI_API_KEY, or codefactory\.model\.apiKey") as caught:
        await ask(LiteLLMModel("openai/gpt-4o-mini", max_retries=0))
    assert caught.value.category == "authentication"


async def test_a_name_without_provider_is_said() -> None:
    with pytest.raises(ModelError, match="as provider/model") as caught:
        await ask(LiteLLMModel("wondermodel", max_retries=0))
    assert caught.value.category == "fatal"


PROGRAM = """
import asyncio, logging, sys
logging.basicConfig(level=logging.DEBUG)
import codefactory.pipelines.models as models
assert "litellm" not in sys.modules and "openai" not in sys.modules, "imported too early"
async def main():
    model = models.LiteLLMModel("openai/scripted", api_base=sys.argv[1], api_key="sk-secret-0123456789", max_retries=0)
    try:
        async for chunk in model.complete([models.Message("user", "the prompt")], max_output_tokens=9):
            print(chunk.text, end="")
    except models.ModelError as error:
        print(error.category)
for _ in range(3):
    asyncio.run(main())
import os
print(os.environ.get("OPENAI_API_BASE"))
"""


def test_imports_litellm_on_first_use_talks_to_nobody_and_ignores_dotenv(tmp_path: Path) -> None:
    """A process of its own: three event loops one after another, every logger at DEBUG, a hostile `.env`."""
    (tmp_path / ".env").write_text("OPENAI_API_BASE=http://evil.example\n")
    environment = {k: v for k, v in os.environ.items() if k != "OPENAI_API_BASE"} | {"LITELLM_LOG": "DEBUG"}
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    with ScriptedServer([Reply("one "), Failure(500), Reply("two ")]) as server:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, server.url],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stdout == "one transient\ntwo None\n", done.stderr
    assert "secret" not in done.stderr
    assert "the prompt" not in done.stderr
    assert "Unclosed" not in done.stderr
    assert "Error" not in done.stderr


async def test_litellm_stays_out_of_this_process() -> None:
    with ScriptedServer([Reply("hello")]) as server:
        await ask(litellm_at(server.url))
    assert "litellm" not in sys.modules


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
async def test_a_process_that_is_killed_fails_its_stream_and_the_next_call_works() -> None:
    with ScriptedServer([Reply("hello " * 99, hang_after_chunks=2), Reply("again")]) as server:
        model = litellm_at(server.url, timeout_s=60)
        stream = model.complete([Message("user", "Go on.")], max_output_tokens=999)
        await anext(stream)
        await anext(stream)
        kill()
        with pytest.raises(ModelError, match=r"the process that runs litellm has ended \(signal 9\)") as caught:
            await anext(stream)
        assert "".join(c.text for c in await ask(model)) == "again"
    assert (caught.value.category, caught.value.unreported) == ("transient", 1)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
async def test_a_process_that_is_killed_before_the_first_word_is_not_even_noticed() -> None:
    with ScriptedServer([Hang(), Reply("again", usage=(4, 1))]) as server:
        task = asyncio.create_task(ask(litellm_at(server.url, timeout_s=60)))
        while not server.requests:  # noqa: ASYNC110  # it comes from another thread
            await asyncio.sleep(0.01)
        kill()
        chunks = await task
    assert "".join(c.text for c in chunks) == "again"
    assert chunks[-1].usage == Usage(4, 1, unreported=1)


def kill() -> None:
    (process,) = litellm_process.running()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)


async def test_a_process_that_nobody_uses_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litellm_process, "IDLE_S", 0.05)
    with ScriptedServer([Reply("one"), Reply("two")]) as server:
        model = litellm_at(server.url)
        await ask(model)
        while litellm_process.running():  # noqa: ASYNC110  # a thread ends it
            await asyncio.sleep(0.01)
        assert "".join(c.text for c in await ask(model)) == "two"


async def test_an_installation_that_is_broken_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    litellm_process.stop()
    program = (
        "import sys; from codefactory.pipelines.models import litellm_worker as w; sys.modules['litellm'] = None; "
    )
    paths = f"import sys; sys.path[:] = {sys.path!r}; "
    monkeypatch.setattr(litellm_process, "command", lambda: [sys.executable, "-I", "-c", f"{paths}{program}w.serve()"])
    with pytest.raises(ModelError, match="litellm could not be imported") as caught:
        await ask(litellm_at("http://127.0.0.1:1/v1"))
    assert (caught.value.category, caught.value.unreported) == ("fatal", 0)


async def test_the_way_leads_through_the_proxy_that_is_set() -> None:
    with ScriptedServer([Reply("by proxy")]) as proxy:
        address = proxy.url.removesuffix("/v1")
        model = LiteLLMModel("openai/x", api_base="http://models.example/v1", proxy=address, max_retries=0)
        assert "".join(c.text for c in await ask(model)) == "by proxy"
    assert proxy.requests[0].path == "http://models.example/v1/chat/completions"
    litellm_process.stop()
