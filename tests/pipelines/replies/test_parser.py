"""What counts as an edit in a reply."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefactory.pipelines.replies import Block, parse_reply
from codefactory.pipelines.replies.parser import MAX_CHARACTERS

ONE = (Block("old()", "new()"),)

BLOCKS = {
    "plain": "<<<<<<< SEARCH\nold()\n=======\nnew()\n>>>>>>> REPLACE",
    "prose around": "Sure!\n\n<<<<<<< SEARCH\nold()\n=======\nnew()\n>>>>>>> REPLACE\n\nHope it helps.",
    "fenced, with a file name": "app.py\n```python\n<<<<<<< SEARCH\nold()\n=======\nnew()\n>>>>>>> REPLACE\n```",
    "file name in the marker": "<<<<<<< SEARCH app.py\nold()\n=======\nnew()\n>>>>>>> REPLACE",
    "other counts of chevrons": "<<<<< SEARCH\nold()\n==========\nnew()\n>>>>>>>>>> REPLACE",
    "lower case": "<<<<<<< search\nold()\n=======\nnew()\n>>>>>>> replace",
    "merge markers": "<<<<<<< HEAD\nold()\n=======\nnew()\n>>>>>>> updated",
    "CR LF": "<<<<<<< SEARCH\r\nold()\r\n=======\r\nnew()\r\n>>>>>>> REPLACE\r\n",
    "white space": "  <<<<<<< SEARCH  \nold()\n =======\t\nnew()\n >>>>>>> REPLACE ",
    "fences inside": "<<<<<<< SEARCH\n```python\nold()\n```\n=======\n```python\nnew()\n```\n>>>>>>> REPLACE",
    "end marker forgotten before the fence": "```\n<<<<<<< SEARCH\nold()\n=======\nnew()\n```\nDone.",
    "end marker without word": "<<<<<<< SEARCH\nold()\n=======\nnew()\n>>>>>>>",
}

JSON = {
    "edits": '{"edits": [{"search": "old()", "replace": "new()"}]}',
    "fenced, with prose": 'Here:\n```json\n{"edits": [{"search": "old()", "replace": "new()"}]}\n```\nBye {"x": 1}.',
    "a bare list": '[{"search": "old()", "replace": "new()"}]',
    "a bare edit": '{"search": "old()", "replace": "new()"}',
    "other names": '{"edits": [{"file": "a.py", "old_string": "old()", "new_string": "new()"}]}',
    "after JSON that is broken": '{"edits": [{]}\n{"edits": [{"search": "old()", "replace": "new()"}]}',
}

DIFFS = {
    "git": "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,1 +1,1 @@\n-old()\n+new()\n",
    "fenced": "```diff\n--- a/x\n+++ b/x\n@@ -9 +9 @@\n-old()\n+new()\n```\nThat is all.",
    "without a header": "```diff\n-old()\n+new()\n```",
    "no newline at the end": "@@ -1 +1 @@\n-old()\n\\ No newline at end of file\n+new()\n\\ No newline at end of file",
}


@pytest.mark.parametrize("reply", [pytest.param(v, id=k) for k, v in BLOCKS.items()])
def test_search_replace_blocks(reply: str) -> None:
    parsed = parse_reply(reply)
    assert (parsed.format, parsed.blocks, parsed.problems) == ("blocks", ONE, ())


@pytest.mark.parametrize("reply", [pytest.param(v, id=k) for k, v in JSON.items()])
def test_json(reply: str) -> None:
    parsed = parse_reply(reply)
    assert (parsed.format, parsed.blocks, parsed.problems) == ("json", ONE, ())


@pytest.mark.parametrize("reply", [pytest.param(v, id=k) for k, v in DIFFS.items()])
def test_diffs(reply: str) -> None:
    parsed = parse_reply(reply)
    assert (parsed.format, parsed.blocks, parsed.problems) == ("diff", ONE, ())


def test_hunks_keep_their_context_and_sql_comments() -> None:
    reply = "--- a\n+++ b\n@@ -1,4 +1,4 @@\n def f():\n\n--- drop\n     return\n@@ -9,2 +9,1 @@\n x\n-y\n"
    assert parse_reply(reply).blocks == (
        Block("def f():\n\n-- drop\n    return", "def f():\n\n    return"),
        Block("x\ny", "x"),
    )


def test_a_heading_of_equal_signs_leaves_both_readings() -> None:
    reply = "<<<<<<< SEARCH\nTitle\n=======\nold\n=======\nTitle\n=====\nnew\n>>>>>>> REPLACE"
    (block,) = parse_reply(reply).blocks
    assert ("Title\n=======\nold", "Title\n=====\nnew") in block.alternatives


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("Text\n```python\ndef f():\n    pass\n```\nmore", ("def f():\n    pass",)),
        ("```\na\n```\n```bash\nls\n```\n~~~py\nb\n~~~", ("a", "b")),
        ('````python\ndef f():\n    """\n```\nx\n```\n    """\n````', ('def f():\n    """\n```\nx\n```\n    """',)),
        ('```python\ndef f():\n    """\n    ```\n    x\n    ```\n    """\n```', None),
        ("def f():\n    return 1\n", ("def f():\n    return 1\n",)),
    ],
)
def test_code(reply: str, code: tuple[str, ...] | None) -> None:
    parsed = parse_reply(reply)
    assert parsed.format == "code"
    assert parsed.code == (code or ('def f():\n    """\n    ```\n    x\n    ```\n    """',))


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ("", "no edit"),
        ("I cannot do that.", "no edit"),
        ("<<<<<<< SEARCH\nold()\n=======\nnew()", "Block 1 has no line >>>>>>> REPLACE"),
        ("<<<<<<< SEARCH\nold()\n>>>>>>> REPLACE", "Block 1 has no line ======="),
        ("```python\ndef f():\n    pass", "cut off"),
        ("x" * (MAX_CHARACTERS + 1), "longer than"),
    ],
)
def test_says_what_it_cannot_read(reply: str, says: str) -> None:
    parsed = parse_reply(reply)
    assert says in " ".join(parsed.problems)
    assert (parsed.blocks, parsed.code) == ((), ())


def test_a_block_that_is_cut_off_leaves_the_others() -> None:
    parsed = parse_reply(BLOCKS["plain"] + "\n<<<<<<< SEARCH\nmore")
    assert parsed.blocks == ONE
    assert len(parsed.problems) == 1


HOSTILE = {
    "ten megabytes": "a" * 10_000_000,
    "openings": "<<<<<<< SEARCH\n" * 60_000,
    "dividers": "<<<<<<< SEARCH\n" + "=======\n" * 120_000 + ">>>>>>> REPLACE",
    "blocks": BLOCKS["plain"].join("\n" * 16_000),
    "chevrons": "<" * 900_000,
    "braces": '{"edits":' * 100_000,
    "brackets": '[{"search":' * 90_000,
    "strings": '{"search": "' * 80_000,
    "deep JSON": '{"edits": ' + "[" * 900_000,
    "fences": "```\n" * 240_000,
    "backquotes": "`" * 900_000,
    "fence openings": "```python\n~~~\n" * 60_000,
    "white space": " " * 900_000 + "x",
    "hunks": "@@\n-a\n+b\n" * 90_000,
    "parentheses": "(" * 900_000,
    "a function and brackets": "def f(): return " + "[" * 900_000,
    "nulls": "\0" * 900_000,
}


@pytest.mark.parametrize("reply", [pytest.param(v, id=k) for k, v in HOSTILE.items()])
def test_hostile_replies_take_linear_time(reply: str) -> None:
    started = time.process_time()  # of this process alone: the machine may be busy
    parse_reply(reply)
    assert time.process_time() - started < 4


PIECES = st.sampled_from(
    [
        "<<<<<<< SEARCH",
        "=======",
        ">>>>>>> REPLACE",
        "```",
        "```python",
        "~~~",
        "@@ -1 +1 @@",
        "-a",
        "+b",
        " c",
        "a",
        '{"edits": [',
        '{"search": "a", "replace": "b"}',
        "]}",
        "def f():",
        "    pass",
        "",
        "\r",
        "--- a",
        "+++ b",
        "…",
    ]
)


@given(st.lists(PIECES, max_size=30).map("\n".join) | st.text())
def test_never_raises_and_gives_edits_or_says_why_not(reply: str) -> None:
    parsed = parse_reply(reply)
    assert parsed.blocks or parsed.code or parsed.problems
