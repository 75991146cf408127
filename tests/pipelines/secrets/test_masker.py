"""Secrets are recognised in the forms that texts carry them in."""

from __future__ import annotations

import base64
import html
import itertools
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefactory.pipelines.secrets.masker import MaskedStream, Masker

VALUE = 's3cr3t/+ "wörd"&<x>%'


def masker(*values: str) -> Masker:
    made = Masker()
    for number, value in enumerate(values):
        made.add(f"n{number}", value)
    return made


@pytest.mark.parametrize(
    "encode",
    [
        str,
        lambda v: quote(v),
        lambda v: quote(v, safe=""),
        quote_plus,
        lambda v: quote(v, safe="").lower(),
        lambda v: "".join(f"%{b:02x}" for b in v.encode()),
        lambda v: json.dumps(v),
        lambda v: json.dumps(v, ensure_ascii=False),
        lambda v: json.dumps({"inner": json.dumps(v)}),
        lambda v: json.dumps(v).replace("/", "\\/"),
        html.escape,
        repr,
        lambda v: v.encode().hex(),
        lambda v: v.encode().hex().upper(),
        *(lambda v, n=n: base64.b64encode(b"x" * n + v.encode() + b"yz").decode() for n in range(6)),
        *(lambda v, n=n: base64.urlsafe_b64encode(b"x" * n + v.encode()).decode() for n in range(3)),
    ],
)
def test_forms(encode: object) -> None:
    made = masker(VALUE)
    shown = made.text(f"before {encode(VALUE)} after")  # type: ignore[operator]
    assert "[secret:n0]" in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


def test_lines_of_a_key_are_masked_one_by_one() -> None:
    made = masker("-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\nq1w2e3r4t5y6\n-----END KEY-----")
    assert made.text("log: q1w2e3r4t5y6") == "log: [secret:n0]"


def test_the_longer_of_two_is_masked_as_a_whole() -> None:
    assert masker("hunter2", "hunter2000").text("hunter2000 hunter2") == "[secret:n1] [secret:n0]"


def test_values_are_masked_through_and_through() -> None:
    made = masker("hunter2")
    value = {"hunter2": [("a hunter2", b"hunter2"), {"hunter2"}], "n": 1}
    masked = {"[secret:n0]": [("a [secret:n0]", b"[secret:n0]"), {"[secret:n0]"}], "n": 1}
    assert made.value(value) == masked


@given(
    st.text("abcx", max_size=12),
    st.text("abcdef", min_size=4, max_size=9),
    st.text("abcx", max_size=12),
    st.lists(st.integers(0, 40), max_size=8),
)
def test_pieces_give_what_the_whole_text_gives(before: str, secret: str, after: str, cuts: list[int]) -> None:
    made = masker(secret)
    text = before + secret + after
    stream = MaskedStream(made)
    borders = [0, *sorted(min(c, len(text)) for c in cuts), len(text)]
    shown = "".join(stream.feed(text[a:b]) for a, b in itertools.pairwise(borders)) + stream.end()
    assert secret not in shown
    assert "[secret:n0]" in shown


def test_what_cannot_be_a_secret_is_not_held_back() -> None:
    stream = MaskedStream(masker("hunter2"))
    assert [stream.feed(p) for p in ("hello ", "hun", "gry\n")] == ["hello ", "", "hungry\n"]
