"""Where an edit goes, and when it goes nowhere."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefactory.pipelines.replies import Applied, Block, NotApplied, Reply, apply_reply, parse_reply

FILE = """\
import os
import yaml


class Loader:
    def load(self, path):
        with open(path) as f:
            return yaml.load(f)

    def dump(self, data):
        return yaml.dump(data)


def load(path):
    return Loader().load(path)


def twice():
    x = 1
    y = 2
    x = 1
"""


def edit(search: str, replace: str) -> Reply:
    return Reply("blocks", (Block(search, replace),))


def applied(text: str, reply: Reply) -> Applied:
    result = apply_reply(text, reply)
    assert isinstance(result, Applied), result
    return result


@pytest.mark.parametrize(
    ("before", "search", "replace", "after"),
    [
        pytest.param("a\nb\nc\n", "b", "B", "a\nB\nc\n", id="a line"),
        pytest.param("a\nb\nc\n", "b\n", "B\n", "a\nB\nc\n", id="blank lines at the ends"),
        pytest.param("a\nb\nc\n", "b", "", "a\nc\n", id="deletion"),
        pytest.param("a\nb\nc", "c", "C\nD", "a\nb\nC\nD", id="no final newline"),
        pytest.param("a\nb\nc", "c", "", "a\nb", id="no final newline, last line deleted"),
        pytest.param("a\r\nb\r\nc\r\n", "a\nb", "A\nB\nB", "A\r\nB\r\nB\r\nc\r\n", id="CR LF"),
        pytest.param("a\rb\rc", "b", "B\nB", "a\rB\rB\rc", id="CR"),
        pytest.param("a\n\r\nb\r\n", "b", "B\nB", "a\n\r\nB\r\nB\r\n", id="mixed endings: those of the lines"),
        pytest.param("\ufeffa\nb\n", "a", "A", "\ufeffA\nb\n", id="byte order mark"),
        pytest.param("a  \nb\t\n", "a\nb", "A\nB", "A\nB\n", id="trailing white space in the file"),
        pytest.param("a\nb\n", "a  \nb\t", "A\nB", "A\nB\n", id="trailing white space in the reply"),
        pytest.param(
            "def f():\n    if x:\n        y\n",
            "if x:\n    y",
            "if z:\n    w",
            "def f():\n    if z:\n        w\n",
            id="less indented",
        ),
        pytest.param(
            "f(\n  a)\n", "    f(\n      a)", "    g(\n      a,\n      b)", "g(\n  a,\n  b)\n", id="more indented"
        ),
        pytest.param(
            "def f():\n\tif x:\n\t\ty\n",
            "    if x:\n        y",
            "    if x:\n        z",
            "def f():\n\tif x:\n\t\tz\n",
            id="spaces for tabs",
        ),
        pytest.param(
            "def f():\n\tif x:\n\t\ty\n",
            "  if x:\n    y",
            "  if x:\n    z",
            "def f():\n\tif x:\n\t\tz\n",
            id="two spaces for tabs",
        ),
        pytest.param("    a = eval(s)  # 1\n", "eval(s)", "int(s)", "    a = int(s)  # 1\n", id="part of a line"),
        pytest.param("x = '🐍'\ny = 'é'\n", "x = '🐍'", "x = '🐉'", "x = '🐉'\ny = 'é'\n", id="beyond the BMP"),
        pytest.param("a\x0cb\nc\u2028d\n", "c\u2028d", "e", "a\x0cb\ne\n", id="form feed and U+2028 end no line"),
        pytest.param("a\n\nb\n", "a\n\nb", "a\nb", "a\nb\n", id="blank line inside"),
    ],
)
def test_applies(before: str, search: str, replace: str, after: str) -> None:
    assert applied(before, edit(search, replace)).text == after


@pytest.mark.parametrize(
    ("search", "replace", "says"),
    [
        pytest.param("x = 1", "x = 3", "more than one place", id="twice"),
        pytest.param("yaml.", "json.", "more than one place", id="fragment twice"),
        pytest.param("no such line", "x", "does not fit", id="nowhere"),
        pytest.param("return yaml.load(g)", "x", "does not fit", id="nearly"),
        pytest.param("    x = 1\n      y = 2", "x", "does not fit", id="other shape"),
        pytest.param("oader().load(pat", "x", "does not fit", id="cuts words"),
        pytest.param("", "x", "empty SEARCH", id="empty"),
        pytest.param("import os", "import os", "changes nothing", id="same"),
        pytest.param(
            "def twice():\n    x = 1", "def twice():\n    # ... rest of the code ...", "leaves code out", id="lazy"
        ),
        pytest.param("def twice():\n    x = 1", "def twice():\n    ...", "leaves code out", id="dots"),
    ],
)
def test_does_not_guess(search: str, replace: str, says: str) -> None:
    result = apply_reply(FILE, edit(search, replace))
    assert isinstance(result, NotApplied)
    assert says in result.feedback
    assert "Block 1" in result.feedback


def test_blocks_are_all_looked_for_in_the_text_as_given() -> None:
    reply = Reply("blocks", (Block("c", "a"), Block("a", "b"), Block("zzz", ""), Block("c\nd", "x")))
    result = applied("a\nc\nd\n", reply)
    assert (result.text, result.used) == ("b\na\nd\n", (1, 2))
    assert [p[:15] for p in result.problems] == ["Block 3 does no", "Blocks 1 and 4 "]


def test_the_reading_that_fits_is_taken() -> None:
    before = '"""Title\n=======\nold\n"""\n'
    reply = "<<<<<<< SEARCH\n=======\nold\n=======\n=======\nnew\n>>>>>>> REPLACE"
    assert applied(before, parse_reply(reply)).text == '"""Title\n=======\nnew\n"""\n'


DEFINITIONS = {
    "a method, by its own name": (
        "    def dump(self, data):\n        return str(data)",
        FILE.replace("return yaml.dump(data)", "return str(data)"),
    ),
    "a method without its indentation": (
        "def dump(self, data):\n    return str(data)",
        FILE.replace("return yaml.dump(data)", "return str(data)"),
    ),
    "the top-level one of two of a name": (
        "def load(path):\n    return None",
        FILE.replace("return Loader().load(path)", "return None"),
    ),
    "part of a class": (
        "class Loader:\n    def load(self, path):\n        return None",
        FILE.replace("        with open(path) as f:\n            return yaml.load(f)\n", "        return None\n"),
    ),
    "an import that is new, one that is not": (
        "import os\nimport json\n\ndef twice():\n    return json",
        FILE.replace("import yaml\n", "import yaml\nimport json\n").replace(
            "    x = 1\n    y = 2\n    x = 1\n", "    return json\n"
        ),
    ),
    "a future import": (
        "from __future__ import annotations\ndef twice():\n    return 1",
        "from __future__ import annotations\n" + FILE.replace("    x = 1\n    y = 2\n    x = 1\n", "    return 1\n"),
    ),
    "a string with lines of its own": (
        'def dump(self, data):\n    return """\nlines\n  stay"""',
        FILE.replace("return yaml.dump(data)", 'return """\nlines\n  stay"""'),
    ),
    "the whole file": (FILE.replace("import os\n", ""), FILE.replace("import os\n", "")),
}


@pytest.mark.parametrize(("code", "after"), [pytest.param(*v, id=k) for k, v in DEFINITIONS.items()])
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CR LF"])
def test_replaces_whole_definitions(code: str, after: str, newline: str) -> None:
    before = FILE.replace("\n", newline)
    result = applied(before, parse_reply(f"I changed this:\n```python\n{code}\n```\n"))
    assert result.text == after.replace("\n", newline)


def test_decorators_that_the_reply_forgets_stay() -> None:
    before = "@app.route('/')\n@cached\ndef f():\n    return eval('1')\n"
    forgotten = applied(before, Reply("code", code=("def f():\n    return 1",))).text
    changed = applied(before, Reply("code", code=("@app.route('/')\ndef f():\n    return 1",))).text
    assert forgotten == "@app.route('/')\n@cached\ndef f():\n    return 1\n"
    assert changed == "@app.route('/')\ndef f():\n    return 1\n"


def test_tabs_stay_tabs() -> None:
    before = "class C:\n\tdef f(self):\n\t\treturn eval('1')\n"
    reply = Reply("code", code=("def f(self):\n    if self:\n        return 1",))
    assert applied(before, reply).text == "class C:\n\tdef f(self):\n\t\tif self:\n\t\t\treturn 1\n"


def test_code_that_quotes_the_file_is_no_edit() -> None:
    old = "def twice():\n    x = 1\n    y = 2\n    x = 1"
    new = "def twice():\n    return 1"
    result = applied(FILE, Reply("code", code=(old, new)))
    assert (result.used, "return 1" in result.text) == ((2,), True)
    assert isinstance(apply_reply(FILE, Reply("code", code=(old,))), NotApplied)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def other():\n    pass", "`other` is not in the file"),
        ("def twice(:", "does not parse"),
        ("print('hello')", "other statements"),
        ("import json", "defines no function"),
        ("def twice():\n    # ... existing code ...\n    return 1", "leaves something out"),
        ("class Loader:\n    x = 1\n    def load(self, path):\n        return 1", "lacks dump"),
        ("class twice:\n    pass", "not the same kind"),
    ],
)
def test_code_whose_place_is_not_clear(code: str, says: str) -> None:
    result = apply_reply(FILE, Reply("code", code=(code,)))
    assert isinstance(result, NotApplied)
    assert says in result.feedback


def test_a_name_that_is_there_twice_is_not_guessed() -> None:
    before = "class A:\n    def f(self): ...\nclass B:\n    def f(self): ...\n"
    result = apply_reply(before, Reply("code", code=("def f(self):\n    return 1",)))
    assert isinstance(result, NotApplied)
    assert "more than once" in result.feedback


def test_two_versions_of_a_function_are_not_guessed() -> None:
    result = applied(FILE, Reply("code", code=("def twice():\n    return 1", "def twice():\n    return 2")))
    assert "return 1" in result.text
    assert "two versions" in result.problems[0]


def test_part_of_a_file_is_not_the_whole_file() -> None:
    before = "import os\nNAME = os.name\nOTHER = 1\nprint(NAME)\n"
    assert isinstance(apply_reply(before, Reply("code", code=("NAME = 'x'\nOTHER = 1",))), NotApplied)


@pytest.mark.parametrize("text", ["", "\n", "def broken(:\n", "\0", "(" * 5000, "x = 1"], ids=range(6))
def test_any_file_gives_an_answer(text: str) -> None:
    for reply in (edit("a", "b"), Reply("code", code=("def f(): pass",)), Reply("none", problems=("No edit.",))):
        assert isinstance(apply_reply(text, reply), NotApplied)


def test_many_blocks_on_a_large_file_take_linear_time() -> None:
    text = "x = 1\n" * 200_000
    blocks = tuple(Block("x = 1\n" * 5000 + f"y{i}", "z") for i in range(200))
    started = time.perf_counter()
    assert isinstance(apply_reply(text, Reply("blocks", blocks)), NotApplied)
    assert time.perf_counter() - started < 10


LINES = st.lists(
    st.sampled_from(["a", "b", "    a", "  ", "", "\tb", "é🐍", "c()", "=======", "```"]), min_size=1, max_size=12
)


@given(LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.data())
def test_a_block_copied_from_the_file_replaces_just_that(
    lines: list[str], newline: str, final: bool, data: st.DataObject
) -> None:
    """Numbered lines, so that each is unique: what is outside of the block stays as it is, to the character."""
    lines = [f"{line}{number}" for number, line in enumerate(lines)]
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start + 1, len(lines)))
    new = data.draw(st.lists(st.sampled_from(["new", "  new", "é"]), min_size=1, max_size=3))
    before = newline.join(lines) + (newline if final else "")
    result = applied(before, edit("\n".join(lines[start:end]), "\n".join(new)))
    ending = newline if len(lines) > 1 or final else "\n"
    assert result.text == ending.join([*lines[:start], *new, *lines[end:]]) + (newline if final else "")


@given(
    st.text(alphabet="ab \t\n\r=", max_size=40), st.text(alphabet="ab \n", max_size=10), st.text("ab \n", max_size=10)
)
def test_never_raises_and_never_changes_what_is_no_match(text: str, search: str, replace: str) -> None:
    result = apply_reply(text, edit(search, replace))
    if isinstance(result, Applied):
        wanted = "".join(search.split())
        assert wanted in "".join(text.split())
    else:
        assert result.feedback
