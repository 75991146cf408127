"""Hostile names, files and arguments of tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from step_runs import error_of, policy

from codefactory.pipelines import trust
from codefactory.pipelines.definitions import loads
from codefactory.pipelines.engine import Context  # noqa: TC001 it is looked at when a tool is made
from codefactory.pipelines.policy import DENY_ALL
from codefactory.pipelines.tools import default_tools, tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALLS: list[Any] = []


@tool
def victim(ctx: Context, text: str, where: str = "here") -> str:
    CALLS.append((text, where))
    return text


def undeclared(text: str) -> str:
    CALLS.append(text)
    return text


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    from codefactory.pipelines.tools.tool import tool_of

    CALLS.clear()
    default_tools().register(victim)
    default_tools().register(tool_of(undeclared))
    yield
    default_tools.cache_clear()
    assert CALLS == []


@pytest.mark.hostile("tool-arguments", "arguments that a tool does not have: its context, private names, wrong kinds")
@pytest.mark.parametrize(
    "arguments",
    [
        {"text": "x", "ctx": {"run_id": "forged"}},
        {"text": "x", "self": 1},
        {"text": "x", "__class__": "y"},
        {"text": "x", "p1": "by the model's own name"},
        {"text": {"$ref": "#"}},
        {"text": ["x"]},
        {"text": None},
        {"where": "x"},
    ],
)
async def test_injected_arguments(arguments: dict[str, Any]) -> None:
    said = await error_of("tool", DENY_ALL, name="victim", arguments=arguments)
    assert "no parameter" in said or "argument `" in said


@pytest.mark.hostile("tool-names", "names that are no registered tool: modules, attributes, paths")
@pytest.mark.parametrize(
    "name",
    ["os:system", "os.system", "builtins.eval", "victim.__call__", "victim ", "VICTIM", "../x", "json:dumps", ""],
)
async def test_names(tmp_path: Path, name: str) -> None:
    import json

    step = {"version": 1, "name": "p", "steps": {"t": {"type": "tool", "with": {"name": name}}}}
    assert any("is no tool" in f.message for f in loads(json.dumps(step), "json").findings)
    from step_runs import run_steps

    late = {"type": "tool", "with": {"name": "{{ inputs.name }}", "arguments": {"text": "x"}}}
    everything = policy(tmp_path, hosts=("example.com",))
    result = await run_steps(late, allowed=everything, inputs={"name": name})
    assert "is no tool" in str(result.error)


@pytest.mark.hostile("tool-undeclared", "a function that does not say what it does is held to do everything")
async def test_undeclared_effects(tmp_path: Path) -> None:
    said = await error_of("tool", policy(tmp_path), name="undeclared", arguments={"text": "x"})
    assert "the policy's `hosts` is empty" in said


@pytest.mark.hostile("tool-for-model", "a model is not given a tool that the run's policy does not allow")
async def test_tools_of_a_prompt(tmp_path: Path) -> None:
    allowed = policy(tmp_path, write=(), hosts=("example.com",))
    said = await error_of("prompt", allowed, prompt="?", tools=["undeclared"])
    assert "it changes files, and the policy's `write` is empty" in said
    assert "is no tool" in await error_of("prompt", allowed, prompt="?", tools=["os.system"])


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "workspace"
    folder.mkdir()
    code = f"from pathlib import Path\n\nPath({str(tmp_path / 'ran')!r}).touch()\n\n\ndef f(): ...\n"
    (folder / "evil.py").write_text(code)
    (tmp_path / "outside.py").write_text(code)
    return folder


@pytest.mark.hostile(
    "tool-file-untrusted", "a workspace's tool that is not trusted, was changed, or is named by a link"
)
async def test_untrusted_files(workspace: Path) -> None:
    (workspace / "good.py").write_text("def f(): ...\n")
    trust.trust(workspace / "good.py")
    (workspace / "good.py").unlink()
    (workspace / "good.py").symlink_to("evil.py")
    (workspace / "Evil.py").write_bytes((workspace / "evil.py").read_bytes())
    for name in ("evil.py:f", "./evil.py:f", "good.py:f", "Evil.py:f"):
        assert "is not trusted as it is now" in await error_of("tool", policy(workspace), name=name)
    (workspace / "good.py").unlink()
    (workspace / "good.py").write_bytes((workspace / "evil.py").read_bytes())
    assert "is not trusted as it is now" in await error_of("tool", policy(workspace), name="good.py:f")
    assert not (workspace.parent / "ran").exists()


@pytest.mark.hostile("tool-file-outside", "a tool's file outside of the policy's folders, even a trusted one")
async def test_files_outside(workspace: Path) -> None:
    trust.trust(workspace.parent / "outside.py")
    (workspace / "link.py").symlink_to("../outside.py")
    for name in ("../outside.py:f", f"{workspace.parent}/outside.py:f", "link.py:f"):
        said = await error_of("tool", policy(workspace), name=name)
        assert "leads" in said or "is outside of the folders" in said
    assert not (workspace.parent / "ran").exists()


@pytest.mark.hostile(
    "tool-file-reach", "names in a trusted file that are not its tools: imports, private ones, attributes"
)
async def test_names_in_files(workspace: Path) -> None:
    (workspace / "tools.py").write_text("from os import system\nimport os\n\n\ndef _private(): ...\n\n\nVALUE = 1\n")
    trust.trust(workspace / "tools.py")
    for name, reason in (
        ("system", "is imported from elsewhere"),
        ("os", "is imported from elsewhere"),
        ("_private", "is no name of a tool"),
        ("__builtins__", "is no name of a tool"),
        ("os.system", "is no name of a tool"),
        ("VALUE", "is imported from elsewhere"),
        ("gone", "there is no `gone`"),
    ):
        assert reason in await error_of("tool", policy(workspace), name=f"tools.py:{name}")
