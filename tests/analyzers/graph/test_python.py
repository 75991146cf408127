"""Python imports: what is written, and which file it means."""

from __future__ import annotations

import pytest
from graph_tables import edges_of, graph_of
from hypothesis import given, settings
from hypothesis import strategies as st

from codefactory.analyzers.graph.extraction import Trees
from codefactory.analyzers.graph.languages import PYTHON
from codefactory.analyzers.syntax import parser_for

PACKAGE = {
    "pk/__init__.py": "",
    "pk/plain.py": "",
    "pk/sub/__init__.py": "",
    "pk/sub/leaf.py": "",
    "pk/typed.py": "",
    "pk/typed.pyi": "",
    "pk/compiled.pyi": "",
    "pk/space/inner.py": "",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pk.sub.leaf", ["import pk.sub.leaf -> pk/sub/leaf.py"]),
        ("import pk.sub.leaf as L, pk.plain", [
            "import pk.sub.leaf -> pk/sub/leaf.py", "import pk.plain -> pk/plain.py",
        ]),
        ("from pk.sub import leaf", ["import pk.sub:leaf -> pk/sub/leaf.py"]),
        ("from pk import thing", ["import pk:thing -> pk/__init__.py"]),
        ("from pk.sub import *", ["import pk.sub:* -> pk/sub/__init__.py"]),
        ("from .sub import (leaf, # note, with comma\n  other as o,\n)", [
            "import .sub:leaf -> pk/sub/leaf.py", "import .sub:other -> pk/sub/__init__.py",
        ]),
        ("from . import plain", ["import .:plain -> pk/plain.py"]),
        ("from . \\\n  import plain", ["import .:plain -> pk/plain.py"]),
        ("from .... import nope", ["import ....:nope -> (outside the workspace)"]),
        ("from .nope import x", ["import .nope:x -> (no such file)"]),
        ("import pk.nope", ["import pk.nope -> (no such file)"]),
        ("import os.path, numpy", ["import os.path -> (standard library)", "import numpy -> (external)"]),
        ("from pk.space import inner", ["import pk.space:inner -> pk/space/inner.py"]),
        ("import pk.space", ["import pk.space -> (a folder without a file of its own)"]),
        ("import pk.typed, pk.compiled", ["import pk.typed -> pk/typed.py", "import pk.compiled -> pk/compiled.pyi"]),
        ("import pk.user", ["import pk.user -> (the file itself)"]),
        ("try:\n  import pk.plain\nexcept ImportError:\n  pass", ["import pk.plain -> pk/plain.py"]),
        ("def f():\n  from pk.plain import z", ["lazy pk.plain:z -> pk/plain.py"]),
        ("async def f():\n  class C:\n    import pk.plain", ["lazy pk.plain -> pk/plain.py"]),
        ("if TYPE_CHECKING:\n  import pk.plain", ["type-only pk.plain -> pk/plain.py"]),
        ("if t.TYPE_CHECKING and x:\n  import pk.plain", ["type-only pk.plain -> pk/plain.py"]),
        ("if not TYPE_CHECKING:\n  import pk.plain", ["import pk.plain -> pk/plain.py"]),
        ("if TYPE_CHECKING:\n  pass\nelse:\n  import pk.plain", ["import pk.plain -> pk/plain.py"]),
        ("import importlib\nimportlib.import_module('pk.plain')", [
            "import importlib -> (standard library)", "dynamic pk.plain -> pk/plain.py",
        ]),
        ("import_module('.leaf', 'pk.sub')", ["dynamic pk.sub.leaf -> pk/sub/leaf.py"]),
        ("__import__('pk.plain')", ["dynamic pk.plain -> pk/plain.py"]),
        ("import_module(f'pk.{x}')\nimport_module(name)", []),
        ("s = 'import pk.plain'\n# import pk.plain\nimportant = 1\nreimport = 2", []),
        ("import pk.plain\ndef (:\n  x = [\n", ["import pk.plain -> pk/plain.py"]),
        ("match x:\n  case []: import pk.plain", ["import pk.plain -> pk/plain.py"]),
        ("from __future__ import annotations", []),
    ],
)  # fmt: skip
def test_imports(source: str, expected: list[str]) -> None:
    graph = graph_of(PACKAGE | {"pk/user.py": source})
    assert edges_of(graph, "pk/user.py") == expected


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_places_count_code_points(newline: str) -> None:
    source = newline.join(["'🐍'", "é = '漢'; from .sub import leaf, other", "", "import pk.plain", ""])
    graph = graph_of(PACKAGE | {"pk/user.py": "\ufeff" + source})
    lines = source.split(newline)
    for edge in graph.imports("pk/user.py"):
        span = edge.import_.span
        assert lines[span.start.line][span.start.column : span.end.column] == edge.import_.module
        if edge.import_.name:
            name = edge.import_.name_span
            assert name is not None
            assert lines[name.start.line][name.start.column : name.end.column] == edge.import_.name


def test_reexports_of_a_package() -> None:
    graph = graph_of(PACKAGE | {"pk/__init__.py": "from .plain import z\nimport pk.sub"})
    assert edges_of(graph, "pk/__init__.py") == [
        "re-export .plain:z -> pk/plain.py",
        "import pk.sub -> pk/sub/__init__.py",
    ]


@pytest.mark.parametrize(
    ("configuration", "text"),
    [
        ("pyproject.toml", "[tool.setuptools.packages.find]\nwhere = ['lib']"),
        ("pyproject.toml", "[tool.setuptools.package-dir]\n'' = 'lib'"),
        ("pyproject.toml", "[tool.hatch.build]\ndev-mode-dirs = ['lib']"),
        ("pyproject.toml", "[tool.hatch.build.targets.wheel]\npackages = ['lib/one']"),
        ("pyproject.toml", "[[tool.poetry.packages]]\ninclude = 'one'\nfrom = 'lib'"),
        ("pyproject.toml", "[tool.pytest.ini_options]\npythonpath = ['lib']"),
        ("setup.cfg", "[options.packages.find]\nwhere = lib"),
        ("setup.cfg", "[options]\npackage_dir =\n    = lib"),
    ],
)
def test_roots_come_from_the_project(configuration: str, text: str) -> None:
    files = {"lib/one/mod.py": "", "tests/test_mod.py": "import one.mod"}
    assert edges_of(graph_of(files), "tests/test_mod.py") == ["import one.mod -> (external)"]
    graph = graph_of(files | {configuration: text})
    assert edges_of(graph, "tests/test_mod.py") == ["import one.mod -> lib/one/mod.py"]


@pytest.mark.parametrize("text", ["[tool", "[tool]\nhatch = 3", "tool = [1]", "\x00"])
def test_a_broken_project_file_is_no_reason_to_fail(text: str) -> None:
    graph = graph_of({"pyproject.toml": text, "setup.cfg": text, "a.py": "import b", "b.py": ""})
    assert edges_of(graph, "a.py") == ["import b -> b.py"]


def test_src_layout_own_folder_and_namespace_packages() -> None:
    graph = graph_of(
        {
            "src/app/__init__.py": "",
            "src/app/core.py": "",
            "tests/test_core.py": "import app.core\nimport helper",
            "tests/helper.py": "",
            "parts/one/vendor/a.py": "import vendor.b",
            "parts/one/vendor/b.py": "",
        }
    )
    assert edges_of(graph, "tests/test_core.py") == [
        "import app.core -> src/app/core.py",
        "import helper -> tests/helper.py",
    ]
    assert edges_of(graph, "parts/one/vendor/a.py") == ["import vendor.b -> parts/one/vendor/b.py"]


def test_a_standard_module_is_not_taken_for_a_neighbour() -> None:
    files = {"web/__init__.py": "", "web/http/__init__.py": "", "web/http/cookie.py": "from http import cookies"}
    assert edges_of(graph_of(files), "web/http/cookie.py") == ["import http:cookies -> (standard library)"]


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("x = 1\n", ""),
        ("# imports\nx = 'an import'\n", ""),
        ("import a\nx = 1\ny = 2\n", "import a\n"),
        ("import a\n\n\ndef f():\n    pass\n", "import a\n\n\n"),
        ("def f():\n    import a\n    return a\n\nx = 1\n", "def f():\n    import a\n    return a\n\n"),
        ("try:\n    import a\nexcept E:\n    a = 0\nx = 1\n", "try:\n    import a\nexcept E:\n    a = 0\n"),
        ("from . \\\n  import a\nx = 1\n", "from . \\\n  import a\n"),
        ("if x: import a\nx = 1\n", "if x: import a\n"),
        ("x = import_module('a')\ny = 1\n", "x = import_module('a')\n"),
        ("x = 1; from a import b; y = 1", "x = 1; from a import b; y = 1"),
    ],
)
def test_what_is_behind_the_last_import_is_not_parsed(text: str, head: str) -> None:
    assert PYTHON.head(text.encode()) == len(head)


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("", True),
        ("x = (1, [2], {3: '}'})  # (\n", True),
        ("ximport a\n", True),
        ("x = ')\n", True),
        ("x = 'it\\'s ('\n", True),
        ('"""(\n\\""" \'\'\' """\n', True),
        ("f(\n", False),
        ("x = ['('\n", False),
        ('"""\nimport a\n', False),
        ("'''\n\\'''\n", False),
    ],
)
def test_where_a_broken_head_may_end(text: str, closed: bool) -> None:
    assert PYTHON.ends_well(text.encode()) is closed


STATEMENTS = (
    "import a", "from . import b, c", "from .a import (\nb,\n    c,\n)", "if x: import a; import b",
    "import a \\\n  , b",
    "try:\n    import a\nexcept E:\n    import b\nelse:\n    import c",
    "if TYPE_CHECKING:\n    import a\nelse:\n    import b",
    "def f():\n    from a import b\n    return b", "class A:\n    def f(self):\n        import a\n\n    x = 1",
    "x = importlib.import_module('a.b')", "x = __import__('a')", "x = [\nimport_a,\n]", "x = 1 + \\\ny",
    '"""A text.\nimport a\n"""', "s = '''\nimport a\nx = 1\n", "'''", '"""', "s = 'import a'", "# import a", "f(",
    ")", "import", "from", "x = lambda: import_module('a')", "import a\r\nimport b\r", "s = f\"{f'import {a}'}\"",
)  # fmt: skip


@given(st.lists(st.sampled_from(STATEMENTS), max_size=8), st.sampled_from(["\n", "\n\n", "\n    "]))
@settings(max_examples=300, deadline=None)
def test_the_imports_of_a_head_are_those_of_the_text(parts: list[str], separator: str) -> None:
    source = (separator.join(parts) + "\n").encode()
    parser = parser_for("python")
    assert parser is not None
    tree = parser.parse(source)
    found = Trees(keep=0).extract("a.py", source)
    if not tree.root_node.has_error:  # else the head may be whole where the text is not, and show more
        assert found == PYTHON.extract(tree, source, "a.py")
