from __future__ import annotations

import ast
import shlex

import libcst as cst
import pytest
from fixer_tables import snapshot
from hypothesis import given
from hypothesis import strategies as st

from codefactory.analyzers.fixers.argument_list import argument_list
from codefactory.analyzers.fixers.source import Source
from codefactory.analyzers.fixers.template import Literal, quoted, template
from codefactory.analyzers.fixers.tree import Decline


def parts(code: str) -> list[str]:
    """Literals as they are, values as "<code!conversion:spec>"."""
    source = Source(snapshot(f"x = {code}\n"))
    whole = template(source, next(source.all(cst.Assign)).value)
    return [
        p.value if isinstance(p, Literal) else f"<{source.code(p.value)}!{p.conversion}:{p.spec}>" for p in whole.parts
    ]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("'a' + b + 'c'", ["a", "<b!:>", "c"]),
        ("a + b + 'c'", ["<a + b!:>", "c"]),
        ("'a' 'b' f'{c}'", ["a", "b", "<c!s:>"]),
        ("'%s %-5d%% %(a' % (b, c, d)", None),
        ("'%s %-5d%%' % (b, c)", ["<b!s:>", " ", "<c!d:-5>", "%"]),
        ("'%(a)s %(a)r' % {'a': b}", ["<b!s:>", " ", "<b!r:>"]),
        ("'%(a)s %(a)s' % {'a': b()}", None),
        ("'%s' 'x%s' % (a, b)", ["<a!s:>", "x", "<b!s:>"]),
        ("'a%s' % b", ["a", "<b!s:>"]),
        ("'%s %s' % b", None),
        ("'a%s' % (b, c)", None),
        ("'a%*d' % (b, c)", None),
        ("'%(a)s' % b", None),
        ("'{} {x!r:>5}{{}}'.format(a, x=b)", ["<a!s:>", " ", "<b!r:>5>", "{", "}"]),
        ("'{1} {0}'.format(*[a, b])", ["<b!s:>", " ", "<a!s:>"]),
        ("'{a} '.format(**{'a': b})", ["<b!s:>", " "]),
        ("'{} '.format(a, f())", None),
        ("'{} '.format(*a)", None),
        ("'{:{}} '.format(a, b)", None),
        ("'aXbX'.replace('X', c)", ["a", "<c!:>", "b", "<c!:>"]),
        ("'aXbX'.replace('X', c())", None),
        ("f'a{b}'.replace('X', c)", None),
        ("f'{a!r:>{n}}b'", None),
        ("f'{a=}b'", None),
        ("f'{{{a}}}\\n'", ["{", "<a!s:>", "}\n"]),
        ("b'a' + b", None),
        ("a", None),
    ],
)
def test_a_string_is_taken_apart(code: str, expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(Decline):
            parts(code)
    else:
        assert "".join(parts(code)) == "".join(expected)


@given(st.text(), st.sampled_from(['"', "'", '"""', "'''"]))
def test_a_quoted_text_is_that_text(text: str, quote: str) -> None:
    assert ast.literal_eval(quoted(text, quote)) == text


@given(st.text("ab ='\"-/.|$*~#{}\\\t\n", max_size=12))
def test_words_are_the_shells(command: str) -> None:
    source = Source(snapshot(f"x = {'ls ' + command!r}\n"))
    try:
        arguments = argument_list(source, next(source.all(cst.Assign)).value)
    except Decline:
        return
    if "*" not in arguments.code:
        assert ast.literal_eval(arguments.code) == shlex.split("ls " + command)
