"""No secret leaves, and every secret comes back."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefactory.analyzers import Analyzers, Confidence, Finding, Severity, Snapshot
from codefactory.analyzers.text import Span
from codefactory.pipelines.prompts import mask

SECRETS = {
    "password": ('password = "hunter2"', "hunter2"),
    "one letter": ("pwd = 'x'", "x"),
    "upper case, typed": ('API_KEY: str = "abc def"', "abc def"),
    "keyword": ("connect(host='db', password=b'hun\\'ter')", "hun\\'ter"),
    "dictionary": ('{"client_secret": "s3cret"}', "s3cret"),
    "subscript": ('config["db_password"] = "s3cret"', "s3cret"),
    "comparison": ('if token == "letmein":', "letmein"),
    "in a comment, after an apostrophe": ('# don\'t: password = "hunter2"', "hunter2"),
    "AWS": ('key("AKIAIOSFODNN7EXAMPLE")', "AKIAIOSFODNN7EXAMPLE"),
    "GitHub": ("# ghp_" + "a1" * 18, "ghp_" + "a1" * 18),
    "OpenAI": ('client("sk-proj-abcdefghij0123456789")', "sk-proj-abcdefghij0123456789"),
    "JWT": ('x("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeK")', "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeK"),
    "URL": ('url = "postgres://app:p4ss@db/x"', "p4ss"),
    "random": ('x = "q7Wd9ZkP3mLx8RtY2vBn"', "q7Wd9ZkP3mLx8RtY2vBn"),
    "hexadecimal": ('x = "9f86d081884c7d659a2feaa0c55ad015"', "9f86d081884c7d659a2feaa0c55ad015"),
    "PEM": (
        'K = """-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKC\nAQEA0Z3VS5JJ\n-----END RSA PRIVATE KEY-----"""',
        "AQEA0Z3VS5JJ",
    ),
}

HARMLESS = [
    'token_url = "https://example.org/token"',
    'password = os.environ["DB_PASSWORD"]',
    'password = get("password")',
    "def login(user, password): ...",
    'x = "a sentence of some words"',
    'from_ = "codefactory.pipelines.prompts"',
    'path = "/usr/local/share/applications/mimeinfo.cache"',
    'password = ""',
]


@pytest.mark.parametrize(("text", "secret"), [pytest.param(*v, id=k) for k, v in SECRETS.items()])
def test_hides(text: str, secret: str) -> None:
    masked = mask(text)
    assert secret not in masked.text.replace("password", "").replace("prefix", "") or secret == "x"
    assert secret in masked.secrets.values()
    assert masked.text.count("\n") == text.count("\n")
    assert masked.restore(masked.text) == text
    assert secret not in repr(masked) or secret == "x"


@pytest.mark.parametrize("text", HARMLESS)
def test_leaves_what_is_no_secret(text: str) -> None:
    assert mask(text).text == text


def test_hides_what_bandit_flags_and_not_what_is_beside_it(analyzers: Analyzers) -> None:
    text = "def f(password='blåbær'):\n    login('db', password='blåbær')\n"
    snapshot = Snapshot("file:///app.py", text, "python")
    findings = [f for f in analyzers.analyze(snapshot).findings if f.code in {"B106", "B107"}]
    assert len(findings) == 2
    masked = mask(text, findings)
    assert "blåbær" not in masked.text
    assert "'db'" in masked.text


def test_a_flagged_string_under_any_name_is_hidden() -> None:
    finding = Finding("ruff", "S105", "Possible hardcoded password", Span.at(0, 0, 0, 9), Severity.LOW, Confidence.LOW)
    assert mask("geheim = 'abc'\nother = 'def'\n", [finding]).text == "geheim = 'REDACTED_1'\nother = 'def'\n"


def test_a_secret_is_hidden_wherever_it_stands() -> None:
    masked = mask('password = "hunter2!"\nprint("hunter2!")  # hunter2!\n')
    assert "hunter2" not in masked.text
    assert len(masked.secrets) == 1


def test_a_word_as_a_password_does_not_hide_the_code() -> None:
    masked = mask("password = 'password'\nprint(password)\n")
    assert masked.text == "password = 'REDACTED_1'\nprint(password)\n"


def test_placeholders_are_words_that_the_text_does_not_have() -> None:
    masked = mask("password = 'a'\n# REDACTED_1 REDACTEDX\n")
    assert masked.text.startswith("password = 'REDACTEDXX_1'")
    assert masked.restore(masked.text) == "password = 'a'\n# REDACTED_1 REDACTEDX\n"


def test_ten_do_not_end_in_one() -> None:
    text = "".join(f"password = 'secret{n}'\n" for n in range(12))
    masked = mask(text)
    assert masked.restore(masked.text) == text


CODE = st.lists(
    st.sampled_from(["password", "token", "=", "'", '"', "\\", "\n", "\r\n", "a1B2", "REDACTED_1", "://u:p@h", "sk-"])
    | st.text(max_size=5),
    max_size=40,
).map("".join)


@given(CODE)
def test_restoring_is_the_inverse(text: str) -> None:
    masked = mask(text)
    assert masked.restore(masked.text) == text


HOSTILE = {
    "quotes": "'" * 10**6,
    "escaped quotes": '\\"' * 10**6,
    "names": "password" * 10**5,
    "assignments": "password=" * 10**5,
    "one word": "a" * 10**7,
    "URLs": "://" * 10**6,
    "key headers": "-----BEGIN " * 10**5,
    "private keys": "-----BEGIN PRIVATE KEY-----" * 10**4,
    "types": "token: " + "a|" * 10**6,
    "keys": "sk-" * 10**6,
    "JWTs": "eyJaaaaaaaaa." * 10**5,
    "an open string": "'" + "a" * 10**7,
    "many secrets": "".join(f"password = 'secret-{n}!'\n" for n in range(20_000)),
}


@pytest.mark.parametrize("text", [pytest.param(v, id=k) for k, v in HOSTILE.items()])
def test_hostile_texts_take_linear_time(text: str) -> None:
    started = time.perf_counter()
    mask(text)
    assert time.perf_counter() - started < 5
