"""Real local models, in a real process: `make test-model`. Minutes, and up to 2 GB of memory.

SmolLM2 for the plumbing, Qwen2.5-Coder for what it is there for. A model that was not pulled skips its tests.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from command_line import codefactory

from codefactory.pipelines.models import Message, ModelError, catalogue, embedded
from codefactory.pipelines.models.embedded import EmbeddedModel, embedded_model
from codefactory.pipelines.settings import LocalSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not embedded.is_installed(), reason="pip install xllamacpp"),
]

PULLED = catalogue.folder()
"""The user's; the tests have a cache of their own, in which the files are linked."""
LEDGER = Path(__file__).parents[2] / "examples" / "ledger"

NAME = {"type": "string", "maxLength": 20}
AGE = {"type": "integer", "minimum": 0, "maximum": 120}
FLAG = {"type": "object", "properties": {"b": {"type": "boolean"}}, "required": ["b"], "additionalProperties": False}
SCHEMAS: list[dict[str, Any]] = [
    {"type": "boolean"},
    {"type": "integer", "minimum": 0, "maximum": 9},
    {"enum": ["safe", "review", "refuse"]},
    {"const": "yes"},
    NAME,
    {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 99}, "minItems": 2, "maxItems": 4},
    {"type": "object", "properties": {"name": NAME}, "required": ["name"], "additionalProperties": False},
    {
        "type": "object",
        "properties": {"name": NAME, "age": AGE, "happy": {"type": "boolean"}},
        "required": ["name", "age", "happy"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {
            "severity": {"enum": ["low", "medium", "high"]},
            "tags": {"type": "array", "items": {"enum": ["sql", "shell", "xss"]}, "maxItems": 3},
        },
        "required": ["severity", "tags"],
        "additionalProperties": False,
    },
    {
        "type": "object",
        "properties": {
            "files": {
                "type": "array",
                "maxItems": 2,
                "items": {
                    "type": "object",
                    "properties": {"path": NAME, "lines": {"type": "integer", "minimum": 1, "maximum": 999}},
                    "required": ["path", "lines"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["files"],
        "additionalProperties": False,
    },
    {"anyOf": [{"type": "null"}, {"type": "integer", "minimum": 0, "maximum": 9}]},
    {
        "type": "object",
        "properties": {"a": FLAG},
        "required": ["a"],
        "additionalProperties": False,
    },
]
QUESTION = (Message("user", "Describe an invoice service as JSON."),)


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    yield
    embedded.close_all()


def linked(name: str, cache: Path) -> None:
    """Make a pulled model visible in another cache."""
    model = catalogue.load().get(name)
    folder = cache / "codefactory" / "models"
    folder.mkdir(parents=True, exist_ok=True)
    for file in (model.file, f"{model.file}.verified"):
        if not (PULLED / file).is_file():
            pytest.skip(f"codefactory models pull {name}")
        if not (folder / file).exists():
            (folder / file).symlink_to(PULLED / file)


@pytest.fixture
def smol() -> EmbeddedModel:
    linked("smollm2-135m", catalogue.folder().parents[1])
    return embedded_model("smollm2-135m", LocalSettings(context_tokens=2048), timeout_s=300)


@pytest.fixture
def qwen() -> EmbeddedModel:
    linked("qwen2.5-coder-1.5b", catalogue.folder().parents[1])
    return embedded_model("qwen2.5-coder-1.5b", LocalSettings(context_tokens=4096), timeout_s=300)


async def check_schemas(model: EmbeddedModel) -> None:
    """Each reply ends by itself and is valid: not most of them, all."""
    for schema in SCHEMAS:
        pieces: list[str] = []
        finish: str | None = None
        async for chunk in model.complete(QUESTION, max_output_tokens=400, schema=schema):
            pieces.append(chunk.text)
            finish = chunk.finish or finish
        assert finish == "stop", (schema, pieces)
        jsonschema.validate(json.loads("".join(pieces)), schema)


async def test_structured_output_is_valid_with_the_smallest_model(smol: EmbeddedModel) -> None:
    await check_schemas(smol)


async def test_structured_output_is_valid_with_the_code_model(qwen: EmbeddedModel) -> None:
    await check_schemas(qwen)


async def test_killed_during_a_stream_it_says_so_and_the_next_call_works(smol: EmbeddedModel) -> None:
    story = (Message("user", "Tell a long story about a bank."),)
    async with aclosing(smol.complete(story, max_output_tokens=400)) as chunks:
        assert (await anext(chunks)).text
        pid = smol.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ModelError) as caught:
            async for _ in chunks:
                pass
    assert caught.value.category == "transient"
    assert "was killed (SIGKILL" in str(caught.value)
    assert [c.text async for c in smol.complete(story, max_output_tokens=8)]
    assert smol.process.pid not in {None, pid}


async def test_a_key_is_needed(smol: EmbeddedModel) -> None:
    import httpx

    async with smol.process.use() as use, httpx.AsyncClient(trust_env=False) as client:
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
        url = f"{use.endpoint.base_url}/chat/completions"
        assert use.endpoint.base_url.startswith("http://127.0.0.1:")
        assert (await client.post(url, json=body)).status_code == 401
        key = {"Authorization": f"Bearer {use.endpoint.api_key}"}
        assert (await client.post(url, json=body, headers=key, timeout=300)).status_code == 200


async def test_a_request_beyond_the_context(smol: EmbeddedModel) -> None:
    with pytest.raises(ModelError) as caught:
        async for _ in smol.complete((Message("user", "word " * 4000),), max_output_tokens=8):
            pass
    assert caught.value.category == "context-length"


def test_repair_of_an_example(tmp_path: Path) -> None:
    """Whatever the model writes: what is shown has passed the gate, and what was tried is on record."""
    project = tmp_path / "project"
    shutil.copytree(LEDGER, project)
    linked("qwen2.5-coder-1.5b", tmp_path / "home" / "cache")
    arguments = ("--model", "embedded/qwen2.5-coder-1.5b", "--max-rounds", "2", "--format", "json")
    done = codefactory("repair", "ledger/notices.py", *arguments, cwd=project, timeout_s=1200)
    assert done.returncode == 0, done.stderr.decode()
    (file,) = json.loads(done.stdout)["files"]
    rounds = file["evidence"]["rounds"] if "evidence" in file else file["rounds"]
    assert rounds
    assert all(r["model"] == "embedded/qwen2.5-coder-1.5b" for r in rounds)
    assert all(r["inputTokens"] and r["outputTokens"] for r in rounds)


def test_models_test(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    linked("smollm2-135m", tmp_path / "home" / "cache")
    done = codefactory("models", "test", "smollm2-135m", "--format", "json", cwd=project, timeout_s=600)
    assert done.returncode == 0, done.stderr.decode()
    trial = json.loads(done.stdout)
    assert trial["model"] == "embedded/smollm2-135m"
    assert trial["answer"]
    assert trial["tokens_per_s"] > 0
