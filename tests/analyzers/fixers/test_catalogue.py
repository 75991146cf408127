from __future__ import annotations

import ast
import re
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from fixer_tables import snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from codefactory.analyzers import Confidence, Severity, Text
from codefactory.analyzers.finding import Finding
from codefactory.analyzers.fixers import fixes_for
from codefactory.analyzers.fixers.catalogue import FIXERS

if TYPE_CHECKING:
    from codefactory.analyzers.fixers.fixer import Fixer

CODES = sorted({code for fixer in FIXERS for code in fixer.codes})

SOURCE = """\
import hashlib, os, random, ssl, tarfile, tempfile
import requests, torch, yaml
from Crypto.Cipher import AES
from Cryptodome.Hash import MD5
from paramiko import AutoAddPolicy


class A:
    password = 'x1y2'

    def cached(self, host='0.0.0.0', secret='z3', *rest, version=ssl.PROTOCOL_TLSv1):
        name = tempfile.mktemp()
        with open('/tmp/x', 'w') as f, tarfile.open(name) as tar:
            tar.extractall(path=name)
            f.write(hashlib.md5('😀', **rest).hexdigest() + MD5.new(rest).digest())
        os.chmod(name, 0o777)
        return [random.choice(rest) for _ in requests.get(u, verify=False).json()]


client.set_missing_host_key_policy(AutoAddPolicy())
AES.new(k, AES.MODE_CBC, lambda password='x1y2': yaml.load(torch.load(p)))
app.run(debug=True, token=f'{password}' 'x1')  # \u202e
if password == ('x1y2'): ssl.wrap_socket(s, ssl_version=ssl.PROTOCOL_SSLv3)
"""


@pytest.mark.parametrize("fixer", FIXERS, ids=lambda fixer: f"{fixer.name}-{min(fixer.codes)}")
def test_a_fixer_is_described(fixer: Fixer) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", fixer.name)
    assert all(re.fullmatch(r"B\d{3}", code) for code in fixer.codes)
    assert re.fullmatch(r"[A-Z`].*\.", fixer.not_applied, re.DOTALL)


def test_no_two_fixers_of_one_name_are_for_one_rule() -> None:
    assert not [
        (a.name, a.codes & b.codes) for a, b in combinations(FIXERS, 2) if a.name == b.name and a.codes & b.codes
    ]


@given(st.sampled_from(CODES), st.booleans(), st.integers(0, len(SOURCE)), st.integers(0, 80), st.sampled_from("\n \r"))
@settings(max_examples=60, deadline=None)
def test_whatever_the_finding_a_fix_applies_and_parses(
    code: str, ruff: bool, start: int, length: int, end: str
) -> None:
    text = SOURCE.replace("\n", "\r\n") if end == "\r" else SOURCE
    span = Text(text).span(start, start + length)
    finding = Finding(
        "ruff" if ruff else "bandit", f"S{code[1:]}" if ruff else code, "", span, Severity.LOW, Confidence.LOW
    )
    outcome = fixes_for(snapshot(text), [finding])[0]
    assert outcome.fixes or outcome.declined
    for fix in outcome.fixes:
        fixed = Text(text).apply(fix.edits)
        ast.parse(fixed)
        assert fixed.count("\n") - fixed.count("\r\n") in (0, fixed.count("\n"))
