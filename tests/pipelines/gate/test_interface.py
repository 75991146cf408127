from __future__ import annotations

import ast
import subprocess
from typing import TYPE_CHECKING

import pytest
from gate_tables import LOAD, candidate

from codefactory.pipelines.gate import judge
from codefactory.pipelines.gate.interface import signature_problem
from codefactory.pipelines.gate.uses import WorkspaceUses

if TYPE_CHECKING:
    from pathlib import Path

    from codefactory.analyzers import Analyzers


def function(signature: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    (statement,) = ast.parse(f"{signature}: ...").body
    assert isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))
    return statement


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("def f(a, b)", "def f(a, b)", None),
        ("def f(a)", "def f(a: int) -> str", None),
        ("def f(a)", "def f(a, b=1)", None),
        ("def f(a)", "def f(a, *, b=1)", None),
        ("def f(a)", "def f(a, *rest, **more)", None),
        ("def f(a, *, b)", "def f(a, b)", None),
        ("def f(a, /)", "def f(renamed, /)", None),
        ("def f(a=[])", "def f(a=None)", None),
        ("def f(a, b)", "def f(a)", "no longer takes the parameter `b`"),
        ("def f(a, b)", "def f(a, *, b)", "keyword-only now"),
        ("def f(a, b)", "def f(b, a)", "has `b` where the parameter `a` was"),
        ("def f(a)", "def f(x)", "has `x` where"),
        ("def f(a)", "def f(a, b)", "new required parameter `b`"),
        ("def f(a)", "def f(a, *, b)", "new required parameter `b`"),
        ("def f(a, *, b)", "def f(a)", "no longer takes the parameter `b`"),
        ("def f(a, *rest)", "def f(a)", "any number"),
        ("def f(**more)", "def f()", "any number"),
        ("def f(a=1)", "def f(a)", "no default for `a`"),
        ("def f(*, a=1)", "def f(*, a)", "no default for `a`"),
        ("def f()", "async def f()", "async"),
        ("def f(self)", "@property\ndef f(self)", "property"),
        ("@staticmethod\ndef f(a)", "def f(a)", "staticmethod"),
    ],
)
def test_a_signature(before: str, after: str, says: str | None) -> None:
    problem, _ = signature_problem(function(before), function(after))
    assert (problem is None) if says is None else says in (problem or "")


MODULE = """\
import yaml

LIMIT = 3


class Box:
    def open(self, f):
        return yaml.load(f)

    def close(self):
        return 1


def read(f, strict=True):
    return yaml.load(f)
"""
SAFE = MODULE.replace("yaml.load", "yaml.safe_load")


@pytest.mark.parametrize(
    ("after", "asked", "used"),
    [
        (SAFE.replace("LIMIT", "_LIMIT"), {"LIMIT"}, "LIMIT"),
        (SAFE.replace("strict=True", "strict"), {"read"}, "read"),
        (SAFE.replace("def close(self)", "def close(self, now)"), {"Box.close"}, "Box.close"),
        (SAFE.replace("class Box", "class Case"), {"Box"}, "Box"),
    ],
)
def test_uses_elsewhere_decide(analyzers: Analyzers, after: str, asked: set[str], used: str) -> None:
    questions: list[frozenset[str]] = []

    def uses(names: frozenset[str]) -> dict[str, tuple[str, ...]]:
        questions.append(names)
        return {used: ("a.py", "b.py", "c.py", "d.py")}

    verdict = judge(candidate(analyzers, "B506", MODULE, after, by_model=False), uses)
    assert questions == [frozenset(asked)]
    assert verdict.reasons[0].code == "public-name-removed"
    assert f"`{used}` is used in a.py, b.py, c.py and 1 more" in verdict.reasons[0].message


def test_nobody_is_asked_when_no_name_changes(analyzers: Analyzers) -> None:
    def uses(names: frozenset[str]) -> dict[str, tuple[str, ...]]:
        raise AssertionError(names)

    assert judge(candidate(analyzers, "B506", MODULE, SAFE), uses).accepted


def test_names_that_nobody_uses_may_change(analyzers: Analyzers) -> None:
    after = SAFE.replace("strict=True", "strict")
    assert judge(candidate(analyzers, "B506", MODULE, after), lambda _: {}).accepted


def test_a_model_may_not_change_signatures_when_nobody_can_be_asked(analyzers: Analyzers) -> None:
    after = LOAD.replace("yaml.load", "yaml.safe_load").replace("read(f)", "read(f, strict)")
    assert not judge(candidate(analyzers, "B506", LOAD, after)).accepted
    assert judge(candidate(analyzers, "B506", LOAD, after, by_model=False)).accepted


@pytest.mark.parametrize("with_git", [False, True])
def test_uses_in_a_workspace(tmp_path: Path, with_git: bool) -> None:
    sources = {
        "pkg/__init__.py": "",
        "pkg/mod.py": MODULE,
        "pkg/near.py": "from .mod import read\n\nread(1)\n",
        "pkg/sub/__init__.py": "from ..mod import Box\n\nBox().close()\n",
        "attribute.py": "import pkg.mod as m\n\nm.read(1)\n",
        "dotted.py": "import pkg.mod\n\nprint(pkg.mod.LIMIT)\n",
        "package.py": "from pkg import mod\n\nmod.read\n",
        "star.py": "from pkg.mod import *\n\nprint(LIMIT)\n",
        "stranger.py": "from other.thing import read\n\nread(1)\n",
        "namesake.py": "def read():\n    return 'mod'\n\n\nread()\n",
        "broken.py": "from pkg.mod import read(\n",
        "ignored/user.py": "from pkg.mod import read\n",
        ".gitignore": "ignored/\n",
    }
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    if with_git:
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    uses = WorkspaceUses(tmp_path, tmp_path / "pkg" / "mod.py")
    assert uses(frozenset({"read", "LIMIT", "Box", "Box.close", "gone"})) == {
        "read": ("attribute.py", "package.py", "pkg/near.py"),
        "LIMIT": ("dotted.py", "star.py"),
        "Box": ("pkg/sub/__init__.py",),
        "Box.close": ("pkg/sub/__init__.py",),
    }


def test_a_document_outside_the_workspace_has_no_users(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    assert WorkspaceUses(tmp_path / "root", tmp_path / "mod.py")(frozenset({"read"})) == {}
