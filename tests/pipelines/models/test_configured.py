"""Which model is used when nothing, or something, is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from model_files import CONTENT, entry, write_catalogue
from scripted_server import ScriptedServer

from codefactory.pipelines.models import ModelError, catalogue, configured, discovery, embedded
from codefactory.pipelines.models.configured import choose_model, known_model
from codefactory.pipelines.models.embedded import EmbeddedModel
from codefactory.pipelines.models.openai_compatible import OpenAICompatibleModel
from codefactory.pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from codefactory.pipelines.models.model import Model

SHUT = {"ollama_port": 0, "lm_studio_port": 0, "llama_cpp_port": 0, "vllm_port": 0}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(catalogue.platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    monkeypatch.setattr(catalogue.platformdirs, "user_config_dir", lambda name: str(tmp_path / "config" / name))
    monkeypatch.setattr(discovery, "_found", {})
    monkeypatch.setattr(embedded, "_processes", {})
    return tmp_path


@pytest.fixture
def port() -> Iterator[int]:
    with ScriptedServer([]) as server:
        yield int(server.url.split(":")[2].split("/")[0])


def settings(model: dict[str, Any] | None = None, **local: Any) -> Settings:
    return Settings.model_validate({"model": model or {}, "local": SHUT | local})


def pull_tiny(**more: Any) -> None:
    write_catalogue(catalogue.user_file().parent, entry(**more))
    catalogue.folder().mkdir(parents=True, exist_ok=True)
    (catalogue.folder() / "tiny.gguf").write_bytes(CONTENT)
    assert catalogue.load().get("tiny").verify()


def editor(name: str) -> Model:
    """Some model of that name."""
    return OpenAICompatibleModel(name, base_url="http://127.0.0.1:9/v1")


async def test_what_is_named_comes_first(port: int) -> None:
    pull_tiny()
    choice = await choose_model(settings({"name": "openai/gpt"}, vllm_port=port), editor=editor, editor_allowed=True)
    assert (choice.name, choice.why) == ("openai/gpt", "named in the settings")


async def test_then_the_editors_then_a_server_then_what_was_pulled(port: int) -> None:
    pull_tiny()
    all_of_them = settings(vllm_port=port, host=["llama"])
    assert (await choose_model(all_of_them, editor=editor, editor_allowed=True)).name == "editor"
    choice = await choose_model(all_of_them, editor=editor)
    assert choice.name == "local/vllm/scripted"
    assert choice.why == f"found running: vLLM on port {port}"
    choice = await choose_model(settings(host=["llama"]))
    assert isinstance(choice.model, EmbeddedModel)
    assert str(choice).startswith("embedded/tiny: pulled, and no server is running; it takes about 305 MB")
    choice = await choose_model(settings(vllm_port=port, host=["llama"], discover=False))
    assert choice.name == "embedded/tiny"


async def test_with_nothing_one_sentence_says_how_to_get_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = await choose_model(settings())
    assert (choice.model, choice.why) == (None, configured.HOW_TO_GET_ONE)
    pull_tiny()
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    choice = await choose_model(settings())
    assert choice.model is None
    assert "pip install xllamacpp" in choice.why


async def test_the_editors_model_is_in_the_editor_only() -> None:
    named = settings({"name": "editor/gpt-4o"})
    assert (await choose_model(named, editor=editor)).name == "editor/gpt-4o"
    choice = await choose_model(named)
    assert choice.model is None
    assert "there is no editor here" in choice.why


async def test_none_turns_models_off(port: int) -> None:
    pull_tiny()
    choice = await choose_model(
        settings({"name": "none"}, vllm_port=port, host=["llama"]), editor=editor, editor_allowed=True
    )
    assert choice.model is None
    assert '"none"' in choice.why


async def test_a_model_that_is_only_for_trying_is_not_taken_by_itself() -> None:
    pull_tiny(default=False)
    assert (await choose_model(settings(host=["llama"]))).model is None
    assert (await choose_model(settings({"name": "embedded/tiny"}, host=["llama"]))).name == "embedded/tiny"


async def test_what_is_known_without_asking_anybody(port: int) -> None:
    running = settings(vllm_port=port)
    assert known_model(running).model is None
    await choose_model(running)
    assert known_model(running).name == "local/vllm/scripted"
    pull_tiny()
    assert known_model(settings(host=["llama"])).name == "embedded/tiny"


async def test_names_that_cannot_be() -> None:
    for name in ("embedded/gpt", "local/nothing"):
        with pytest.raises(ModelError):
            await choose_model(settings({"name": name}))


async def test_a_catalogue_that_is_broken_is_said() -> None:
    catalogue.user_file().parent.mkdir(parents=True)
    catalogue.user_file().write_text("[[models")
    choice = await choose_model(settings())
    assert choice.model is None
    assert "models.toml is not valid" in choice.why
