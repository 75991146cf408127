"""A secret that a step was given is in nothing that leaves the step's own hands."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from codefactory.pipelines.audit import AuditLog, Place
from codefactory.pipelines.engine import CachePolicy, Context, Engine, Graph, RunResult, StepError
from codefactory.pipelines.policy import AccessPolicy
from codefactory.pipelines.secrets import SecretError, Secrets, SecretSource
from codefactory.pipelines.secrets.sources import read
from codefactory.pipelines.store import Store

if TYPE_CHECKING:
    from pathlib import Path

VALUE = 'tops3cret/value+"ü'


class Leaks:
    """Runs a step that has the secret, and gathers all that came out of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Any] = []
        self.result: RunResult | None = None

    async def run(self, body: Any, **options: Any) -> str:
        async def step(ctx: Context) -> Any:
            return await body(ctx, await ctx.secret("token"))

        place = Place(self.folder / "data", self.folder / "config")
        with Store(self.folder / "store") as store, AuditLog(place) as audit:
            secrets = Secrets({"token": SecretSource(env="MY_TOKEN")})
            engine = Engine(store, secrets=secrets, audit=audit, policy=AccessPolicy(secrets=("token",)))
            plan = Graph("g").add_channel("notes").add_node("a", step, **options).compile()
            self.result = await engine.run(plan, on_event=self.events.append)
            audit.flush()
        database = "\n".join(sqlite3.connect(self.folder / "store" / "runs.db").iterdump())
        files = [f.read_bytes().decode("utf-8", "replace") for f in sorted(self.folder.rglob("*")) if f.is_file()]
        shown = [json.dumps(e.to_json(), default=str, ensure_ascii=False) for e in self.events]
        shown += [f"{e!s}{e!r}{e.__notes__ if hasattr(e, '__notes__') else ''}" for e in causes(self.result.error)]
        return "\n".join((database, *files, *shown, repr(self.result), str(self.result.outputs)))


def causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


@pytest.fixture
def leaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Leaks:
    monkeypatch.setenv("MY_TOKEN", VALUE)
    return Leaks(tmp_path)


def assert_clean(text: str) -> None:
    encoded = base64.b64encode(VALUE.encode()).decode()
    escaped = (json.dumps(VALUE)[1:-1], json.dumps(VALUE, ensure_ascii=False)[1:-1])
    for form in (VALUE, *escaped, quote(VALUE, safe=""), VALUE.encode().hex(), encoded[:-4]):
        assert form not in text
    for before in range(3):
        assert base64.b64encode(bytes(before) + VALUE.encode()).decode()[4:-4] not in text


async def give(_ctx: Context, value: str) -> Any:
    return {"echo": value, value: [value]}


async def log(ctx: Context, value: str) -> Any:
    ctx.log(f"Authorization: Bearer {value}")
    ctx.log(f"Basic {base64.b64encode(f'user:{value}'.encode()).decode()}", "debug")


async def fail(_ctx: Context, value: str) -> Any:
    raise StepError(f"401 for token {value}")


async def fail_deep(_ctx: Context, value: str) -> Any:
    try:
        try:
            int(value)
        except ValueError as error:
            error.add_note(f"the value was {value}")
            raise PermissionError(13, f"denied {value}", value) from error
    except PermissionError as error:
        raise RuntimeError({"headers": {"Authorization": value}}) from error


async def url(ctx: Context, value: str) -> Any:
    ctx.log(f"GET https://x.example/?t={quote(value)}&u={quote(value, safe='').lower()}")
    return f"https://user:{quote(value, safe='')}@x.example/"


async def encoded(_ctx: Context, value: str) -> Any:
    data = value.encode()
    return [base64.b64encode(b"." * n + data + b"...").decode() for n in range(6)] + [
        base64.urlsafe_b64encode(b"?" * n + data).decode() for n in range(3)
    ]


async def nested_json(_ctx: Context, value: str) -> Any:
    return json.dumps({"body": json.dumps({"token": value}), "plain": value})


async def hexadecimal(_ctx: Context, value: str) -> Any:
    return value.encode().hex()


async def chunks(ctx: Context, value: str) -> Any:
    for character in f"data: {value}\n":
        await ctx.emit(character)
    for character in f"data: {value}\n":
        await ctx.emit({"stream": "stdout", "text": character})


async def channel(ctx: Context, value: str) -> Any:
    ctx.write("notes", {"note": value})


async def receipt(ctx: Context, value: str) -> Any:
    return await ctx.once(f"post {value}", lambda: {"sent": value})


async def question(ctx: Context, value: str) -> Any:
    return await ctx.ask(f"Send {value}?", ["yes", value], deadline_s=0.01, default="yes")


async def audited(ctx: Context, value: str) -> Any:
    ctx.audit("command_run", arguments=["curl", "-H", f"Authorization: {value}"], **{value: value})


async def object_with_json(_ctx: Context, value: str) -> Any:
    from dataclasses import make_dataclass

    return make_dataclass("Reply", ["token"], repr=False)(value)


async def bytes_of_it(_ctx: Context, value: str) -> Any:
    return {"raw": b"x" + value.encode() + b"y"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(give, marks=pytest.mark.hostile("secret-output", "a step gives the secret as its output")),
        pytest.param(log, marks=pytest.mark.hostile("secret-log", "a step logs the secret, plain and as Basic")),
        pytest.param(fail, marks=pytest.mark.hostile("secret-error", "a step fails with the secret in its message")),
        pytest.param(
            fail_deep, marks=pytest.mark.hostile("secret-error-cause", "causes, notes and contexts of an error have it")
        ),
        pytest.param(url, marks=pytest.mark.hostile("secret-url", "the secret is in a URL, percent-encoded")),
        pytest.param(encoded, marks=pytest.mark.hostile("secret-base64", "the secret in base64, at any place in it")),
        pytest.param(nested_json, marks=pytest.mark.hostile("secret-json", "the secret escaped, in JSON in JSON")),
        pytest.param(hexadecimal, marks=pytest.mark.hostile("secret-hex", "the secret in hexadecimal")),
        pytest.param(chunks, marks=pytest.mark.hostile("secret-chunks", "the secret published letter by letter")),
        pytest.param(channel, marks=pytest.mark.hostile("secret-channel", "the secret written to a channel")),
        pytest.param(receipt, marks=pytest.mark.hostile("secret-receipt", "the secret in a receipt and its key")),
        pytest.param(question, marks=pytest.mark.hostile("secret-question", "the secret in a question to a person")),
        pytest.param(audited, marks=pytest.mark.hostile("secret-audit", "the secret in the facts of an audit record")),
        pytest.param(
            object_with_json, marks=pytest.mark.hostile("secret-object", "the secret in an object that is kept as JSON")
        ),
        pytest.param(bytes_of_it, marks=pytest.mark.hostile("secret-bytes", "the secret in bytes")),
    ],
)
async def test_it_does_not_come_out(leaks: Leaks, body: Any) -> None:
    text = await leaks.run(body)
    assert_clean(text.replace(repr(leaks.result), "") if body is object_with_json else text)
    assert body in (object_with_json, hexadecimal) or "[secret:token]" in text or "secret:token" in text


@pytest.mark.hostile("secret-cache", "the secret in a result that is cached")
async def test_the_cache_does_not_keep_it(leaks: Leaks) -> None:
    assert_clean(await leaks.run(give, cache=CachePolicy()))


@pytest.mark.hostile("secret-prompt", "the secret in a prompt to a model")
async def test_a_prompt_does_not_have_it(leaks: Leaks) -> None:
    prompts: list[str] = []

    async def ask(ctx: Context, value: str) -> None:
        prompts.append(ctx.mask(f"Explain this error: 401 for {value}"))

    await leaks.run(ask)
    assert prompts == ["Explain this error: 401 for [secret:token]"]


@pytest.mark.hostile("secret-other-run", "another run of the same engine has a value of the same step's")
async def test_a_value_is_not_kept_for_other_runs(leaks: Leaks, monkeypatch: pytest.MonkeyPatch) -> None:
    async def length(_ctx: Context, value: str) -> int:
        return len(value)

    await leaks.run(length)
    monkeypatch.setenv("MY_TOKEN", "rotated-token")
    await leaks.run(length)
    assert leaks.result is not None
    assert leaks.result.output == len("rotated-token")


def source_error(source: SecretSource, workspace: Path | None = None) -> str:
    with pytest.raises(SecretError) as failure:
        read("token", source, workspace)
    return str(failure.value)


@pytest.mark.hostile("secret-file-open", "the file of a secret can be read by others")
@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_a_file_that_others_can_read(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(VALUE)
    file.chmod(0o644)
    assert "can be read by others; run `chmod 600" in source_error(SecretSource(file=str(file)))
    file.chmod(0o600)
    assert read("token", SecretSource(file=str(file)), None) == VALUE


@pytest.mark.hostile("secret-file-in-workspace", "the file of a secret is in the workspace, or a link to there")
def test_a_file_in_the_workspace(tmp_path: Path) -> None:
    workspace = tmp_path / "project"
    workspace.mkdir()
    file = workspace / "token"
    file.write_text(VALUE)
    file.chmod(0o600)
    (tmp_path / "link").symlink_to(file)
    for path in (file, tmp_path / "link", workspace / ".." / "project" / "token"):
        assert "is inside of the workspace" in source_error(SecretSource(file=str(path)), workspace)


@pytest.mark.hostile("secret-command-error", "the program that gives a secret fails, and prints it")
def test_what_a_failing_command_prints(tmp_path: Path) -> None:
    source = SecretSource(command=("sh", "-c", f"echo {VALUE!r} >&2; echo {VALUE!r}; exit 3"))
    message = source_error(source)
    assert message == "the secret `token` cannot be read: `sh` ended with code 3"


@pytest.mark.hostile("secret-short", "a secret so short that it cannot be masked")
async def test_a_short_secret_is_refused(leaks: Leaks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "abc")
    await leaks.run(give)
    assert leaks.result is not None
    assert "it could not be masked; use a longer one" in str(leaks.result.error)
