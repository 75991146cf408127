"""The invariants of ARCHITECTURE.md that can be held by looking at the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("analyzers", "pipelines", "server")


def sources(*rooms: str) -> list[Path]:
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def imports(path: Path) -> set[str]:
    """Top-level names of all modules a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_codefactory_is_a_namespace_package() -> None:
    assert [room for room in ROOMS if (ROOT / room / "codefactory" / "__init__.py").exists()] == []
    import codefactory

    assert {Path(p).parent.name for p in codefactory.__path__} >= set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_every_portion_is_typed(room: str) -> None:
    assert (ROOT / room / "codefactory" / room / "py.typed").is_file()


def test_the_protocol_stays_in_the_server() -> None:
    assert [p for p in sources("analyzers", "pipelines") if imports(p) & {"pygls", "lsprotocol"}] == []


def test_litellm_is_imported_in_one_module() -> None:
    found = [p.relative_to(ROOT).as_posix() for p in sources(*ROOMS) if "litellm" in imports(p)]
    assert set(found) <= {"pipelines/codefactory/pipelines/models/litellm_worker.py"}


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import codefactory.analyzers", {"libcst", "bandit", "tree_sitter", "pydantic", "asyncio", "litellm"}),
        ("import codefactory.pipelines.repair", {"litellm", "libcst", "bandit", "openai", "httpx"}),
        ("import codefactory.pipelines.models", {"litellm", "openai", "httpx"}),
    ],
)
def test_what_is_heavy_is_loaded_on_first_use(statement: str, heavy: set[str]) -> None:
    assert loaded_by(statement) & heavy == set()


DETERMINISTIC = """
import asyncio
from codefactory.analyzers import Analyzers, Snapshot
from codefactory.pipelines.definitions import loads
from codefactory.pipelines.engine import Engine
from codefactory.pipelines.models.configured import make_model
from codefactory.pipelines.repair import repair
from codefactory.pipelines.settings import ModelSettings
import codefactory.server.app
async def main():
    analyzers = Analyzers()
    result = await repair(Snapshot("file:///a.py", "import os\\n", "python"), analyzers)
    assert result.kind == "proposal", result
    analyzers.close()
    plan = loads("version: 1\\nname: p\\nsteps: {a: {type: set, with: {value: 1}}}\\n").unwrap()
    assert (await Engine().run(plan, {})).output == 1
asyncio.run(main())
for name in ("openai/gpt-4o", "anthropic/claude", "mine/x"):
    assert make_model(ModelSettings(name=name)) is not None
"""


def test_the_server_and_deterministic_work_load_no_client_of_models() -> None:
    loaded = loaded_by(DETERMINISTIC)
    assert {"codefactory.server.app", "codefactory.pipelines.models.connect"} <= loaded
    assert loaded & {"litellm", "openai", "httpx", "httpcore", "httpx2", "requests", "jsonschema"} == set()


def test_a_workspace_cannot_supply_the_servers_modules(tmp_path: Path) -> None:
    """The server starts as `python -I -m`, so neither its folder nor PYTHONPATH shadows us."""
    (tmp_path / "codefactory").mkdir()
    (tmp_path / "codefactory" / "__init__.py").write_text("raise SystemExit('shadowed')")
    done = subprocess.run(
        [sys.executable, "-I", "-c", "import codefactory.analyzers"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
