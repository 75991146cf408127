"""Families of one rule or two: eval, Jinja's autoescape, imports nobody uses, and rules that no fixer decides."""

from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety, Snapshot, bandit
from codefactory.analyzers.fixers import fixes_for


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("eval(x)", "import ast\n\nast.literal_eval(x)"),
        ("import ast as a\ny = eval( x['k'] )  # why", "import ast as a\ny = a.literal_eval( x['k'] )  # why"),
        ("eval('[1, 2]')", "import ast\n\nast.literal_eval('[1, 2]')"),
    ],
)
def test_eval_of_a_value_is_fixed(before: str, after: str) -> None:
    check_fix("B307", f"{before}\n", f"{after}\n", Safety.REVIEW)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("eval('1 + 1')\n", "write it as code"),
        ("eval(f'{x}()')\n", "put together"),
        ("eval('a%s' % x)\n", "put together"),
        ("eval('a{}'.format(x))\n", "put together"),
        ("eval(x, {})\n", "names of its own"),
        ("eval(user_expression)\n", "by its name"),
        ("eval(x)()\n", "used as an object"),
    ],
)
def test_eval_of_an_expression_is_left_alone(source: str, reason: str) -> None:
    check_declined("B307", source, reason)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import jinja2\njinja2.Environment()\n",
            "import jinja2\njinja2.Environment(autoescape=jinja2.select_autoescape())\n",
        ),
        (
            "from jinja2 import Environment\nEnvironment(autoescape=False)\n",
            "from jinja2 import Environment, select_autoescape\nEnvironment(autoescape=select_autoescape())\n",
        ),
    ],
)
def test_jinja_escapes(before: str, after: str) -> None:
    check_fix("B701", before, after, Safety.REVIEW)


def test_jinja_can_escape_always() -> None:
    before = "from jinja2 import Environment\nEnvironment(loader=x)\n"
    check_fix("B701", before, before.replace("=x", "=x, autoescape=True"), Safety.REVIEW, alternative=1)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import jinja2\njinja2.Environment(autoescape=x)\n", "cannot be seen"),
        ("import jinja2\njinja2.Environment(**x)\n", "among the arguments"),
    ],
)
def test_jinja_is_left_alone(source: str, reason: str) -> None:
    check_declined("B701", source, reason)


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("B403", "import os\nimport pickle\nos\n", "import os\nos\n"),
        ("B404", "from subprocess import run\n\nx = 1\n", "\nx = 1\n"),
        ("B405", "import xml.etree.ElementTree as ET\n\nx = 1\n", "\nx = 1\n"),
    ],
)
def test_an_unused_import_goes(code: str, before: str, after: str) -> None:
    check_fix(code, before, after, Safety.SAFE)


@pytest.mark.parametrize(
    ("code", "source", "reason"),
    [
        ("B403", "import pickle\npickle.dumps(x)\n", "JSON"),
        ("B403", "import pickle\n__all__ = ['pickle']\n", "JSON"),
        ("B403", "__import__('pickle')\n", "JSON"),
        ("B404", "try:\n    import subprocess\nexcept ImportError:\n    x = 1\n", "judged at each call"),
        ("B301", "import pickle\npickle.loads(x)\n", "signature"),
        ("B302", "import marshal\nmarshal.loads(x)\n", "JSON"),
        ("B102", "exec(x)\n", "has to be written as code"),
        ("B310", "import urllib.request\nurllib.request.urlopen(x)\n", "https://"),
        ("B702", "from mako.template import Template\nTemplate(x)\n", "default_filters"),
    ],
)
def test_is_left_alone(code: str, source: str, reason: str) -> None:
    check_declined(code, source, reason)


def test_a_package_may_export_what_it_imports() -> None:
    snapshot = Snapshot("file:///project/__init__.py", "import pickle\n", "python")
    assert "JSON" in fixes_for(snapshot, bandit.analyze(snapshot).findings)[0].declined[0]
