from __future__ import annotations

import ast

import libcst as cst
import pytest
from fixer_tables import snapshot

from codefactory.analyzers import Text
from codefactory.analyzers.fixers.source import Source
from codefactory.analyzers.fixers.tree import Decline


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f()", "f(k=1)"),
        ("f(a)", "f(a, k=1)"),
        ("f(a,)", "f(a, k=1,)"),
        ("f((a))", "f((a), k=1)"),
        ("f((a) , )", "f((a), k=1 , )"),
        ("f(x for x in y)", "f((x for x in y), k=1)"),
        ("f(a, *b)", "f(a, *b, k=1)"),
        ("f(a, **b)", "f(a, k=1, **b)"),
        ("f(  # why\n)", "f(  # why\nk=1)"),
        ("f(\n    a,\n    b,\n)", "f(\n    a,\n    b,\n    k=1,\n)"),
        ("f(\n    a,\n    b\n)", "f(\n    a,\n    b,\n    k=1\n)"),
        ("f(a,\n\t\tb)", "f(a,\n\t\tb, k=1)"),
        ("f(\n    a,\n    b,  # why\n)", "f(\n    a,\n    b, k=1,  # why\n)"),
        ("if x:\r\n\tf(\r\n\t\ta,\r\n\t\tb,\r\n\t)", "if x:\r\n\tf(\r\n\t\ta,\r\n\t\tb,\r\n\t\tk=1,\r\n\t)"),
        ("\ufefff(a)", "\ufefff(a, k=1)"),
        ("'😀', f(a)", "'😀', f(a, k=1)"),
    ],
)
def test_an_argument_is_added(before: str, after: str) -> None:
    source = Source(snapshot(before))
    call = next(source.all(cst.Call))
    added = source.text.apply([source.add_argument(call, "k=1")])
    assert added == after
    ast.parse(added.removeprefix("\ufeff"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(k=1)", "f()"),
        ("f(k=1, a=2)", "f(a=2)"),
        ("f(a, k=1)", "f(a)"),
        ("f((a), k=(1),)", "f((a),)"),
        ("f(\n    a,\n    k=1,\n)", "f(\n    a,\n)"),
    ],
)
def test_an_argument_is_removed(before: str, after: str) -> None:
    source = Source(snapshot(before))
    call = next(source.all(cst.Call))
    arg = next(a for a in call.args if a.keyword)
    assert source.text.apply([source.remove_argument(call, arg)]) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1\n", "import re\n\nx = 1\n"),
        ("class A: pass\n", "import re\n\n\nclass A: pass\n"),
        ("\ufeffx = 1\n", "\ufeffimport re\n\nx = 1\n"),
        ("\ufeff# licence\n\nx = 1\n", "\ufeff# licence\n\nimport re\n\nx = 1\n"),
        ("'''doc'''\nx = 1\n", "'''doc'''\n\nimport re\n\nx = 1\n"),
        ("'''doc'''\n\nx = 1\n", "'''doc'''\n\nimport re\n\nx = 1\n"),
        ("'''doc'''", "'''doc'''\n\nimport re"),
        ("import os\nx = 1\n", "import os\nimport re\nx = 1\n"),
        ("import os\r\nimport sys\r\n", "import os\r\nimport re\r\nimport sys\r\n"),
        ("import os\n# of sys\nimport sys\n", "import os\nimport re\n# of sys\nimport sys\n"),
        ("# licence\nimport sys\n", "# licence\nimport re\nimport sys\n"),
        ("import yaml\n", "import re\n\nimport yaml\n"),
        ("from __future__ import annotations\n", "from __future__ import annotations\n\nimport re\n"),
        ("if x:\n    import re\n", "import re\n\nif x:\n    import re\n"),
        ("import re as regex\n", "import re as regex\n"),
    ],
)
def test_an_import_is_added(before: str, after: str) -> None:
    source = Source(snapshot(before))
    _, edits = source.importing("re")
    assert source.text.apply(edits) == after


@pytest.mark.parametrize(
    "text", ["re = 1\n", "import x as re\n", "re.compile(a)\n", "match x:\n    case {**re}: pass\n"]
)
def test_a_name_that_is_taken_is_not_imported(text: str) -> None:
    with pytest.raises(Decline, match="`re` would have to be imported"):
        Source(snapshot(text)).importing("re")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import a\nx\n", "x\n"),
        ("\ufeffimport a\nx\n", "\ufeffx\n"),
        ("import a, b\nb\n", "import b\nb\n"),
        ("import b as c, a\nc\n", "import b as c\nc\n"),
        ("from x import (\n    b,\n    a,\n)\nb\n", "from x import (\n    b,\n)\nb\n"),
        ("from x import a\na\n", "from x import a\na\n"),
        ("from x import a\n__all__ = ['a']\n", "from x import a\n__all__ = ['a']\n"),
        ("try:\n    import a\nfinally:\n    pass\n", "try:\n    import a\nfinally:\n    pass\n"),
    ],
)
def test_an_unused_import_is_removed(before: str, after: str) -> None:
    source = Source(snapshot(before))
    assert source.text.apply(source.without_import("a")) == after


def test_a_form_feed_before_a_statement_is_a_reason_to_decline() -> None:
    with pytest.raises(Decline, match="without loss"):
        Source(snapshot("x = 1\n\fdef f(): pass\n"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from m import A\n", "from m import A, name\n"),
        ("from m import A as B, zz\n", "from m import A as B, name, zz\n"),
        ("from m import (\n    A,\n    b,\n)\n", "from m import (\n    A,\n    b,\n    name,\n)\n"),
        ("f()\nfrom m import A\n", "from m import name\n\nf()\nfrom m import A\n"),
        ("from .m import A\n", "from m import name\n\nfrom .m import A\n"),
    ],
)
def test_a_name_joins_the_import_of_its_module(before: str, after: str) -> None:
    assert Text(before).apply(Source(snapshot(before)).importing("m", "name")[1]) == after


def test_what_binds_a_name_is_found() -> None:
    source = Source(snapshot("import a\nwith f() as b: pass\nfor c, (d, *e) in g: (h := 1)\nprint(i)\n"))
    bound = [name for name in "abcdefghi" if source.binds(source.module, name)]
    assert bound == ["a", "b", "c", "d", "e", "h"]


def test_the_innermost_of_nodes_that_start_together_is_last() -> None:
    source = Source(snapshot("a.b().c()\n"))
    assert [source.code(call) for call in source.all(cst.Call)] == ["a.b().c()", "a.b()"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import m\nm.f()", "m.f"),
        ("import m as n\nn.f()", "m.f"),
        ("from m import f as g\ng()", "m.f"),
        ("f()", "f"),
        ("import m\nm = 1\nm.f()", None),
        ("import m\ndef g(m):\n    m.f()", None),
        ("import m\ndef g(m):\n    pass\nm.f()", "m.f"),
        ("import m\ndef g(m):\n    return lambda: m.f()", None),
        ("import m\ndef g(m, x=m.f()):\n    pass", "m.f"),
        ("import m\ndef g():\n    global m\n    m = 1\ndef h():\n    m.f()", None),
        ("import m\nfor x, (m, y) in z:\n    pass\nm.f()", None),
        ("import m\nclass A:\n    m = 1\n    m.f()", None),
        ("import m\nclass A:\n    m = 1\n    def g(self):\n        m.f()", "m.f"),
        ("import m\nclass A:\n    def m(self):\n        m.f()", "m.f"),
        ("import m\nlambda m: m.f()", None),
        ("import m\nm().f()", None),
    ],
)
def test_a_name_is_qualified(text: str, expected: str | None) -> None:
    source = Source(snapshot(text))
    assert source.qualified_name(next(source.all(cst.Call)).func) == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import m\nm.old()\n", "import m\nm.new()\n"),
        ("from m import old\nold()\n", "from m import new\nnew()\n"),
        ("from m import old\nfrom m import x\nold(x)\n", "from m import x\nfrom m import new\nnew(x)\n"),
        ("from m import old as o\no()\no()\n", "from m import new\nnew()\nnew()\n"),
        ("from m import old, other\nold(other)\n", "from m import new, other\nnew(other)\n"),
        ("from m import old, new\nold(new)\n", "from m import new\nnew(new)\n"),
        ("from m import old\nold()\nx = [old]\n", "from m import new, old\nnew()\nx = [old]\n"),
    ],
)
def test_another_name_of_the_same_module_is_used(before: str, after: str) -> None:
    source = Source(snapshot(before))
    called = [call.func for call in source.all(cst.Call)]
    edits = source.rename(called[0], "new", lambda use: use in called)
    assert source.text.apply(edits) == after
