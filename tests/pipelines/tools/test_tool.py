"""Tools: functions with type hints as steps, and as models are told of them."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import Field
from step_runs import error_of, policy, run_step

from codefactory.pipelines import trust
from codefactory.pipelines.definitions import loads
from codefactory.pipelines.definitions.registry import default_registry
from codefactory.pipelines.engine import Context  # noqa: TC001 it is looked at when a tool is made
from codefactory.pipelines.policy import DENY_ALL
from codefactory.pipelines.tools import ToolError, Tools, default_tools, tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Counted:
    words: int
    longest: str


@tool
def count(text: str, least: Annotated[int, Field(description="Letters.", ge=0)] = 0) -> Counted:
    """Counts the words
    of a text.

    And more.
    """
    words = [w for w in text.split() if len(w) >= least]
    return Counted(len(words), max(words, key=len, default=""))


@tool(name="who", effects={"reads"})
async def _who(ctx: Context, schema: str = "x") -> list[str]:
    return [ctx.path, schema]


@tool
def wrong() -> int:
    return "not a number"  # pyright: ignore[reportReturnType]


@pytest.fixture
def registered() -> Iterator[None]:
    tools = default_tools()
    for each in (count, _who, wrong):
        tools.register(each)
    yield
    default_tools.cache_clear()


def test_a_tool_says_what_it_is() -> None:
    spec = count.spec()
    assert (spec.name, spec.description) == ("count", "Counts the words of a text.")
    assert spec.parameters == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "text": {"type": "string"},
            "least": {"type": "integer", "default": 0, "minimum": 0, "description": "Letters."},
        },
        "required": ["text"],
    }
    assert count.result["properties"] == {"words": {"type": "integer"}, "longest": {"type": "string"}}
    assert (count.effects, _who.effects) == (frozenset(), {"reads"})
    assert list(_who.parameters["properties"]) == ["schema"]
    assert count("a b").words == 2


@pytest.mark.usefixtures("registered")
async def test_a_tool_as_a_step(tmp_path: Path) -> None:
    found = await run_step("tool", DENY_ALL, name="count", arguments={"text": "a bcd", "least": "2"})
    assert found == {"words": 1, "longest": "bcd"}
    assert await run_step("tool", policy(tmp_path), name="who") == ["s0", "x"]


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("count", {"text": "a", "least": -1}, "argument `least`: Input should be greater than or equal to 0"),
        ("count", {}, "argument `text`: Field required"),
        ("count", {"text": "a", "other": 1}, "no parameter `other`; it has `text`, `least`"),
        ("wrong", {}, "gave something else than it says: `result`"),
        ("who", {}, "the policy's `read` is empty"),
    ],
)
async def test_what_is_wrong_is_said(name: str, arguments: dict[str, Any], reason: str) -> None:
    assert reason in await error_of("tool", DENY_ALL, name=name, arguments=arguments)


def test_an_unknown_tool_is_said_before_a_run() -> None:
    found = loads("{version: 1, name: p, steps: {t: {type: tool, with: {name: chekc}}}}").findings
    assert [f.message for f in found] == ["`chekc` is no tool; did you mean `check`?"]


def test_functions_that_cannot_be_tools() -> None:
    def many(*values: int) -> None: ...

    def strange(value: Iterator[Any], other: ToolError) -> None: ...

    with pytest.raises(ToolError, match="named parameters only"):
        tool(many)
    strange.__annotations__ = {"value": ToolError}
    with pytest.raises(ToolError, match="a type that no JSON stands for"):
        tool(strange)
    with pytest.raises(ValueError, match="a tool `count` already"):
        Tools((count,)).register(count)


async def test_check_finds_what_the_analyzers_find(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import os\n\n\ndef f(x):\n    return eval(x)\n")
    (tmp_path / "b.bin").write_text("?")
    found = await run_step("tool", policy(tmp_path), name="check", arguments={"paths": ["a.py", "b.bin"]})
    assert {(f["rule"], f["line"]) for f in found["findings"]} >= {("F401", 1), ("B307", 5)}
    assert found["problems"] == ["b.bin: no analyzer knows this kind of file"]


@pytest.fixture
def trusting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace, and a home of the user's own for what is trusted."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "words.py").write_text("def count(text: str) -> int:\n    return len(text.split())\n")
    return folder


async def test_a_workspace_tool_must_be_trusted_as_it_is(trusting: Path) -> None:
    call: dict[str, Any] = {"name": "words.py:count", "arguments": {"text": "a b"}}
    assert "not trusted as it is now" in await error_of("tool", policy(trusting), **call)
    trust.trust(trusting / "words.py")
    # An undecorated function does not say what it does, so it counts as doing everything.
    assert "the policy's `hosts` is empty" in await error_of("tool", policy(trusting), **call)
    assert await run_step("tool", policy(trusting, hosts=("example.com",)), **call) == 2
    decorated = "from codefactory.pipelines.tools import tool\n\n\n@tool\n" + (trusting / "words.py").read_text()
    (trusting / "words.py").write_text(decorated)
    assert "not trusted as it is now" in await error_of("tool", policy(trusting), **call)
    trust.trust(trusting / "words.py")
    assert await run_step("tool", policy(trusting), **call) == 2


PACKAGE = {
    "acme.py": """
        from pydantic import BaseModel

        from codefactory.pipelines.definitions import StepType
        from codefactory.pipelines.tools import tool


        class Settings(BaseModel):
            times: int = 2


        async def run(config, ctx):
            return "acme" * config.times


        STEP = StepType("acme", Settings, run, "Says acme.", output_type=str)


        @tool
        def shout(text: str) -> str:
            "Says it louder."
            return text.upper() + "!"
        """,
    "acme-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n",
    "acme-1.0.dist-info/entry_points.txt": (
        "[codefactory.steps]\nacme = acme:STEP\nbroken = acme:NOTHING\n\n[codefactory.tools]\nshout = acme:shout\n"
        "gone = acme:gone\n"
    ),
}


def test_an_installed_package_adds_types_and_tools(tmp_path: Path) -> None:
    site = tmp_path / "site"
    for name, text in PACKAGE.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(textwrap.dedent(text))
    pipeline = tmp_path / "p.yaml"
    pipeline.write_text(
        "{version: 1, name: p, steps: {a: {type: acme, with: {times: 3}}, "
        "b: {type: tool, with: {name: shout, arguments: {text: '{{ steps.a.output }}'}}}}}"
    )
    environment = {"PYTHONPATH": str(site), "PATH": "/usr/bin", "HOME": str(tmp_path)}

    def codefactory(*arguments: str) -> str:
        program = "from codefactory.server.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program, *arguments],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            check=True,
        )
        return done.stdout

    assert json.loads(codefactory("run", "--no-store", str(pipeline))) == {"b": "ACMEACMEACME!"}
    types = json.loads(codefactory("steps", "--format", "json"))
    assert [t["summary"] for t in types if t["name"] == "acme"] == ["Says acme."]
    assert "Says it louder." in codefactory("steps", "tool")
    assert "cannot be used" in codefactory("steps", "tool")


def test_built_in_names_are_taken() -> None:
    registry = default_registry()
    with pytest.raises(ValueError, match="a step type `file` already"):
        registry.register(registry.types[0].__class__("file", registry.types[0].config, registry.types[0].run, ""))
