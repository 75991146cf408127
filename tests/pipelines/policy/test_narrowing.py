"""What two policies both allow, and never more."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codefactory.pipelines.policy import AccessPolicy, narrowed
from codefactory.pipelines.policy.patterns import common_hosts, common_names, host_matches

LABELS = st.sampled_from(["a", "b", "example", "com"])
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
PATTERNS = st.one_of(
    NAMES,
    NAMES.map("*.{}".format),
    st.just("*"),
    st.tuples(NAMES, st.sampled_from([80, 81])).map(lambda p: f"{p[0]}:{p[1]}"),
)
POLICIES = st.builds(
    AccessPolicy,
    hosts=st.lists(PATTERNS, max_size=3).map(tuple),
    read=st.lists(st.sampled_from(["/a", "/a/b", "/a/b/c", "/d"]).map(Path), max_size=3).map(tuple),
    secrets=st.lists(st.sampled_from(["x", "x_1", "x_*", "*", "y*z"]), max_size=3).map(tuple),
    step_types=st.none() | st.lists(st.sampled_from(["set", "api", "*"]), max_size=2).map(tuple),
    max_usd=st.none() | st.floats(0, 10),
    sandbox=st.sampled_from(["required", "none"]),
)


@given(POLICIES, POLICIES, NAMES, st.sampled_from([80, 81]))
def test_what_is_allowed_is_allowed_by_both(one: AccessPolicy, other: AccessPolicy, host: str, port: int) -> None:
    both = narrowed(one, other)
    for policy in (one, other):
        if both.refuse_host(host, port) is None:
            assert policy.refuse_host(host, port) is None
        for path in map(Path, ("/a/x", "/a/b/x", "/a/b/c/x", "/d", "/e")):
            if both.refuse_read(path) is None:
                assert policy.refuse_read(path) is None
        for name in ("x", "x_1", "x_2", "yz", "yaz", "q"):
            if both.refuse_secret(name) is None:
                assert policy.refuse_secret(name) is None
        for kind in ("set", "api", "file"):
            if both.refuse_step_type(kind) is None:
                assert policy.refuse_step_type(kind) is None
        assert policy.max_usd is None or (both.max_usd is not None and both.max_usd <= policy.max_usd)
        assert both.sandbox == "required" or policy.sandbox == "none"


@given(POLICIES)
def test_with_itself_a_policy_stays_as_it_is(policy: AccessPolicy) -> None:
    assert narrowed(policy, policy) == policy


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (["*"], ["a.com"], ["a.com"]),
        (["*.a.com"], ["x.a.com", "a.com"], ["x.a.com"]),
        (["*.a.com"], ["*.b.a.com"], ["*.b.a.com"]),
        (["a.com"], ["a.com:8080"], ["a.com:8080"]),
        (["a.com:80"], ["a.com:8080"], []),
        (["A.com."], ["a.COM"], ["a.com"]),
        (["[::1]:80"], ["::1"], ["[::1]:80"]),
    ],
)
def test_hosts(one: list[str], other: list[str], both: list[str]) -> None:
    assert list(common_hosts(one, other)) == list(common_hosts(other, one)) == both


@pytest.mark.parametrize(
    ("pattern", "host", "port", "matches"),
    [
        ("a.com", "a.com", 443, True),
        ("a.com", "A.COM.", 443, True),
        ("a.com", "b.a.com", 443, False),
        ("a.com", "a.com.evil.org", 443, False),
        ("*.a.com", "a.com", 443, False),
        ("*.a.com", "nota.com", 443, False),
        ("*.a.com", "b.a.com", 443, True),
        ("localhost:8080", "localhost", 80, False),
        ("bücher.de", "xn--bcher-kva.de", 443, True),
        ("[::1]", "0:0:0:0:0:0:0:1", 1, True),
        ("a.com", "", 443, False),
    ],
)
def test_a_pattern_matches_whole_names(pattern: str, host: str, port: int, matches: bool) -> None:
    assert host_matches(pattern, host, port) is matches


def test_names_that_only_overlap_have_nothing_in_common() -> None:
    assert common_names(["a*"], ["*b"]) == ()
    assert common_names(["team_*", "x"], ["team_a", "*"]) == ("team_*", "x", "team_a")
