"""Every hostile case is in docs/security.md, and nothing else is.

A case is a test with `@pytest.mark.hostile("id", "what is tried, in one line")`, anywhere in tests/security; several
markers name several cases, and `pytest.param(…, marks=pytest.mark.hostile(…))` one of a table. The table in the
document is written anew by

    python tests/security/test_cases_are_listed.py
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "security.md"
BEGIN, END = "<!-- cases: begin -->\n", "<!-- cases: end -->\n"


def cases() -> dict[str, tuple[str, str]]:
    """Id → description and the file it is in, of all markers in this folder. Ids are unique."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(HERE.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.hostile")):
                continue
            values = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            assert len(values) == 2, f"{path.name}:{node.lineno}: hostile(id, description) takes two plain texts"
            assert all(isinstance(v, str) and "\n" not in v and "|" not in v for v in values), (
                f"{path.name}:{node.lineno}"
            )
            name, description = map(str, values)
            assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name), f"{name!r} is no id: words-with-hyphens"
            assert name not in found, f"the id {name} is used twice"
            found[name] = (description, path.relative_to(HERE.parents[1]).as_posix())
    return found


def table() -> str:
    rows = [f"| `{name}` | {what} | `{file}` |\n" for name, (what, file) in sorted(cases().items())]
    return "".join(("| Case | What is tried | Test |\n", "|---|---|---|\n", *rows))


def test_the_document_lists_the_cases() -> None:
    text = DOCUMENT.read_text("utf-8")
    listed = text.partition(BEGIN)[2].partition(END)[0]
    assert listed == table(), f"run: python {Path(__file__).relative_to(HERE.parents[1])}"


if __name__ == "__main__":
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    DOCUMENT.write_text(before + BEGIN + table() + END + rest.partition(END)[2], "utf-8")
