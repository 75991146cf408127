"""Definitions, references and outlines."""

from __future__ import annotations

from textwrap import dedent

import pytest

from codefactory.analyzers import Span
from codefactory.analyzers.graph.symbols import outline, references, symbols

PYTHON = dedent('''\
    """Module."""
    import os
    LIMIT = 3

    @decorator
    class Box(Base):
        """Doc."""
        size: int = 0

        def get(self, key: str,
                default=None) -> int:
            """Doc."""
            def inner(): ...
            return self.size

    if TYPE_CHECKING:
        def late(): return 1

    async def main() -> None:
        x = 1
    ''')


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        (
            "a.py",
            PYTHON,
            """\
            LIMIT = 3
            @decorator
            class Box(Base):
                size: int = 0
                def get(self, key: str,
                        default=None) -> int: ...
                def late(): ...
            async def main() -> None: ...
            """,
        ),
        ("a.py", "def broken(:\n  pass\nclass Fine:\n  x = [1,\n  2]\n", None),
        ("a.py", "", ""),
        ("notes.txt", "def f(): ...", ""),
    ],
)
def test_outline(path: str, source: str, expected: str | None) -> None:
    made = outline(path, source)
    if expected is None:
        assert "class Fine:" in made
    else:
        assert made == dedent(expected)


def test_symbols_have_spans_in_code_points() -> None:
    source = "é = '🐍'; x = 1\nclass 漢:\n    def f(self): pass\n"
    found = {s.qualified_name: s for s in symbols("a.py", source)}
    assert list(found) == ["é", "x", "漢", "漢.f"]
    assert found["x"].name_span == Span.at(0, 9, 0, 10)
    assert found["漢.f"].span == Span.at(2, 4, 2, 21)


def test_references_in_spans() -> None:
    source = "import os\nos.getcwd()\nother(os)\n"
    assert references("a.py", source)["os"] == 3
    assert references("a.py", source, (Span.at(2, 0, 2, 5),)) == {"other": 1}


@pytest.mark.parametrize(
    "source", ["(" * 20_000, "class A:\n" * 3_000, "x = 1\n" * 30_000, "def f(" + "a," * 50_000 + "): 1"]
)
def test_hostile_text_gives_a_bounded_outline(source: str) -> None:
    assert len(outline("a.py", source)) < 200_000
