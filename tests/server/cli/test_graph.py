"""`codefactory graph` and `codefactory context` as a person would run them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from command_line import codefactory, git

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "shop/__init__.py": "",
    "shop/orders.py": "from shop.prices import total\nimport shop.nope\n\ndef place(order):\n    return total(order)\n",
    "shop/prices.py": "import shop.orders\n\ndef total(order):\n    return 1\n",
    "shop/mail.py": "from shop.orders import place\n",
    "ignored.py": "import shop.orders\n",
    ".gitignore": "ignored.py\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    git("init", "-q", cwd=root)
    return root


def test_dependents(project: Path) -> None:
    done = codefactory("graph", "--dependents", "shop/prices.py", cwd=project)
    assert (done.returncode, done.stdout) == (0, b"shop/orders.py\n")
    done = codefactory("graph", "--dependents", "shop/prices.py", "--transitive", "--format", "json", cwd=project)
    assert json.loads(done.stdout) == ["shop/mail.py", "shop/orders.py"]


def test_cycles_are_what_the_exit_code_says(project: Path) -> None:
    done = codefactory("graph", "--cycles", cwd=project)
    assert (done.returncode, done.stdout.decode()) == (1, "cycle 1, 2 files:\n  shop/orders.py\n  shop/prices.py\n")
    (project / "shop" / "prices.py").write_text("")
    done = codefactory("graph", "--cycles", cwd=project)
    assert (done.returncode, done.stdout) == (0, b"No import cycles.\n")


def test_unresolved(project: Path) -> None:
    done = codefactory("graph", "--unresolved", cwd=project)
    assert done.stdout.decode() == "shop/orders.py:2:8: shop.nope: no such file\n"


def test_json_has_every_edge_with_its_place(project: Path) -> None:
    data = json.loads(codefactory("graph", "-f", "json", cwd=project).stdout)
    assert data["files"] == ["shop/__init__.py", "shop/mail.py", "shop/orders.py", "shop/prices.py"]
    assert data["cycles"] == [["shop/orders.py", "shop/prices.py"]]
    assert data["problems"] == []
    assert data["edges"][0] == {
        "source": "shop/mail.py",
        "targets": ["shop/orders.py"],
        "module": "shop.orders",
        "name": "place",
        "kind": "import",
        "line": 1,
        "column": 6,
        "reason": None,
    }


@pytest.mark.parametrize(
    ("drawing", "line"),
    [("dot", '  "shop/mail.py" -> "shop/orders.py";'), ("mermaid", "  f1 --> f2"), ("table", "shop/orders.py")],
)
def test_drawings(project: Path, drawing: str, line: str) -> None:
    done = codefactory("graph", "--format", drawing, cwd=project)
    assert done.returncode == 0
    assert line in done.stdout.decode()


def test_a_file_that_is_not_there_is_said(project: Path) -> None:
    done = codefactory("graph", "--dependents", "ignored.py", cwd=project)
    assert done.returncode == 2
    assert b"ignored.py is not in the graph" in done.stderr


def test_context_lists_files_and_reasons(project: Path) -> None:
    done = codefactory("context", "shop/orders.py", "--format", "json", cwd=project)
    data = json.loads(done.stdout)
    assert [(f["path"], f["kind"], f["reason"]) for f in data["files"]] == [
        ("shop/prices.py", "whole", "imported here (total)"),
        ("shop/mail.py", "whole", "imports this file"),
    ]
    assert data["usedTokens"] <= data["budgetTokens"] == 4000
    assert b"imported here (total)" in codefactory("context", "shop/orders.py", cwd=project).stdout


def test_context_shows_the_text_on_demand(project: Path) -> None:
    done = codefactory("context", "shop/orders.py", "--text", "--lines", "4-5", cwd=project)
    assert b"def total(order):\n    return 1\n" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("ignored.py",), 2, b"not in the graph"),
        (("shop/orders.py", "--lines", "9-3"), 2, b"is not a line or a range"),
    ],
)
def test_context_that_cannot_be_had(project: Path, arguments: tuple[str, ...], code: int, says: bytes) -> None:
    done = codefactory("context", *arguments, cwd=project)
    assert done.returncode == code
    assert says in done.stderr
