"""The `transform` step: what each operation gives, from one form to another and back, and from file to file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from step_runs import error_of, policy, run_step

from codefactory.pipelines.definitions import loads
from codefactory.pipelines.policy import DENY_ALL
from codefactory.pipelines.transform.formats import Format, parse, serialise
from codefactory.pipelines.transform.tables import Table

if TYPE_CHECKING:
    from pathlib import Path

PEOPLE = [{"name": "Bo", "age": 30}, {"name": "Al", "age": 25}, {"name": "Cy", "age": None}]


async def transform(value: Any, *operations: dict[str, Any]) -> Any:
    return await run_step("transform", DENY_ALL, input=value, operations=list(operations))


CASES: list[tuple[Any, dict[str, Any], Any]] = [
    ('{"a": [1, 2]}', {"operation": "parse", "format": "json"}, {"a": [1, 2]}),
    ("a: [1, yes]\nb: 0x10", {"operation": "parse", "format": "yaml"}, {"a": [1, "yes"], "b": 16}),
    ("n,s\n1,x\n", {"operation": "parse", "format": "csv"}, [{"n": "1", "s": "x"}]),
    (
        "1;'x;y'",
        {"operation": "parse", "format": "csv", "delimiter": ";", "quote": "'", "header": False},
        [["1", "x;y"]],
    ),
    ("1,2", {"operation": "parse", "format": "csv", "header": False, "columns": ["a", "b"]}, [{"a": "1", "b": "2"}]),
    ("a\tb\n1\t2", {"operation": "parse", "format": "tsv"}, [{"a": "1", "b": "2"}]),
    ("d = 2020-01-02\n[t]\nx = 1", {"operation": "parse", "format": "toml"}, {"d": "2020-01-02", "t": {"x": 1}}),
    (
        "<r k='1'><i>a</i><i>b</i><e/>t</r>",
        {"operation": "parse", "format": "xml"},
        {"r": {"@k": "1", "i": ["a", "b"], "e": "", "#text": "t"}},
    ),
    ('{"a":1}\n\n{"a":2}', {"operation": "parse", "format": "jsonl"}, [{"a": 1}, {"a": 2}]),
    ({"a": None}, {"operation": "serialise", "format": "json", "indent": 1}, '{\n "a": null\n}'),
    ({"a": "yes", "b": "0o7"}, {"operation": "serialise", "format": "yaml"}, "a: 'yes'\nb: '0o7'\n"),
    (PEOPLE, {"operation": "serialise", "format": "csv"}, "name,age\nBo,30\nAl,25\nCy,\n"),
    ([["=1+1", "-5", "@x"]], {"operation": "serialise", "format": "csv"}, "'=1+1,-5,'@x\n"),
    ([["=1"]], {"operation": "serialise", "format": "csv", "formulas": "keep"}, "=1\n"),
    ({"t": {"x": 1}}, {"operation": "serialise", "format": "toml"}, "[t]\nx = 1\n"),
    (
        {"r": {"@k": 1, "i": ["a", True]}},
        {"operation": "serialise", "format": "xml"},
        '<r k="1"><i>a</i><i>true</i></r>\n',
    ),
    (PEOPLE, {"operation": "query", "expression": "[?age > `26`].name"}, ["Bo"]),
    (PEOPLE, {"operation": "filter", "condition": "age == `25`"}, [PEOPLE[1]]),
    ({"people": PEOPLE}, {"operation": "filter", "field": "people", "condition": "name == 'Bo'"}, [PEOPLE[0]]),
    (PEOPLE, {"operation": "pick", "fields": ["name"]}, [{"name": "Bo"}, {"name": "Al"}, {"name": "Cy"}]),
    ({"a": 1, "b": 2}, {"operation": "omit", "fields": ["a"]}, {"b": 2}),
    ({"a": 1}, {"operation": "rename", "fields": {"a": "b"}}, {"b": 1}),
    (PEOPLE, {"operation": "sort", "by": "age"}, [PEOPLE[1], PEOPLE[0], PEOPLE[2]]),
    ([3, "b", None, 1, "a"], {"operation": "sort"}, [1, 3, "a", "b", None]),
    (
        [{"k": 1, "v": 1}, {"k": 2, "v": 2}, {"k": 1, "v": 3}],
        {"operation": "group", "by": "k"},
        [
            {"key": 1, "items": [{"k": 1, "v": 1}, {"k": 1, "v": 3}], "count": 2},
            {"key": 2, "items": [{"k": 2, "v": 2}], "count": 1},
        ],
    ),
    ([1, True, 1, {"a": 1}, {"a": 1}], {"operation": "unique"}, [1, True, {"a": 1}]),
    ([1, 2, 3, 4], {"operation": "limit", "start": 1, "count": 2}, [2, 3]),
    ([1, [2, [3]]], {"operation": "flatten"}, [1, 2, 3]),
    ([1, [2, [3]]], {"operation": "flatten", "depth": 1}, [1, 2, [3]]),
    ({"a": {"b": 1, "c": {}}}, {"operation": "flatten"}, {"a.b": 1, "a.c": {}}),
    ({"a": {"x": 1}}, {"operation": "merge", "with": {"a": {"y": 2}}, "deep": True}, {"a": {"x": 1, "y": 2}}),
    ([{"a": 1}, {"a": 2, "b": 3}], {"operation": "merge"}, {"a": 2, "b": 3}),
    ({"n": {"x": 1}, "s": "é"}, {"operation": "template", "text": "$s=${n.x} $$5"}, "é=1 $5"),
    (["a-b", "c"], {"operation": "split", "by": "-"}, [["a", "b"], ["c"]]),
    ([1, "b"], {"operation": "join", "by": ", "}, "1, b"),
    ({"a": "x.y", "b": 1}, {"operation": "replace", "field": "a", "old": ".", "new": "-"}, {"a": "x-y", "b": 1}),
    ("a1b22", {"operation": "regex", "pattern": r"\d+"}, ["1", "22"]),
    ("k=v", {"operation": "regex", "pattern": r"(?P<key>\w)=(?P<value>\w)"}, [{"key": "k", "value": "v"}]),
    ("a1b", {"operation": "regex", "mode": "replace", "pattern": r"(\d)", "replacement": r"<\1>"}, "a<1>b"),
    ("A1b2", {"operation": "regex", "mode": "split", "pattern": r"\d"}, ["A", "b", ""]),
    (["ERROR a", "info"], {"operation": "regex", "mode": "keep", "pattern": "^error", "flags": "i"}, ["ERROR a"]),
    (["ERROR a", "info"], {"operation": "regex", "mode": "drop", "pattern": "^error", "flags": "i"}, ["info"]),
    ({"a": 1}, {"operation": "validate", "schema": {"required": ["a"]}}, {"a": 1}),
]


@pytest.mark.parametrize(("value", "operation", "expected"), CASES, ids=lambda v: str(v)[:40])
async def test_operations(value: Any, operation: dict[str, Any], expected: Any) -> None:
    assert await transform(value, operation) == expected


@pytest.mark.parametrize(
    ("value", "operation", "reason"),
    [
        ("{", {"operation": "parse", "format": "json"}, "not valid JSON, line 1, column 2"),
        ("[NaN]", {"operation": "parse", "format": "json"}, "NaN is no JSON value"),
        ('{"a":1}\n{', {"operation": "parse", "format": "jsonl"}, "not valid JSON, line 2"),
        ("a: [", {"operation": "parse", "format": "yaml"}, "line 2, column 1: not valid YAML"),
        ("a,b\n1", {"operation": "parse", "format": "csv"}, "line 2 of the CSV has another number of fields"),
        ("a,a\n1,2", {"operation": "parse", "format": "csv"}, "two columns of the CSV have the same name"),
        ("a = ", {"operation": "parse", "format": "toml"}, "not valid TOML"),
        ("<a>", {"operation": "parse", "format": "xml"}, "not valid XML"),
        (5, {"operation": "sort"}, "`sort` takes a list, this is a number"),
        ({"a": [None]}, {"operation": "serialise", "format": "toml"}, "TOML has no null: $.a[0]"),
        ({"a b": 1}, {"operation": "serialise", "format": "xml"}, "`a b` is no name of an XML element"),
        ([{"a": 1}, {"b": 1}], {"operation": "serialise", "format": "csv"}, "a row has `b`"),
        ({"a": 1}, {"operation": "rename", "fields": {"a": "b", "c": "b"}, "x": 1}, "x"),
        ({"a": 1, "b": 2}, {"operation": "rename", "fields": {"a": "b"}}, "two fields the same name"),
        ({"a": 1}, {"operation": "template", "text": "$b"}, "there is no `b`"),
        ({"a": 1}, {"operation": "template", "text": "$ x"}, "is no template"),
        ({"n": "x"}, {"operation": "validate", "schema": {"properties": {"n": {"type": "integer"}}}}, "$.n: "),
        ({}, {"operation": "validate", "schema": {"type": "nothing"}}, "the schema is not valid"),
        ({}, {"operation": "query", "expression": "a["}, "the query `a[` is not valid"),
        ("a", {"operation": "regex", "pattern": "("}, "the pattern `(` is not valid"),
    ],
    ids=lambda v: str(v)[:40],
)
async def test_what_is_wrong_is_said(value: Any, operation: dict[str, Any], reason: str) -> None:
    if "x" in operation:
        found = loads(json.dumps(_definition({"input": value, "operations": [operation]})), "json").findings
        assert any(reason in f.message for f in found)
        return
    said = await error_of("transform", DENY_ALL, input=value, operations=[operation])
    assert reason in said
    assert "operation 1 (" in said


def _definition(settings: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "name": "p", "steps": {"t": {"type": "transform", "with": settings}}}


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\u2028\u2029\x85\ufffe\uffff")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(categories=["L", "Nd"]), max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(JSON_VALUES, st.sampled_from(["json", "yaml"]))
def test_what_is_written_is_read(value: Any, form: str) -> None:
    format_ = cast("Format", form)
    assert parse(serialise(value, format_, Table()), format_, Table()) == value


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufeff")), min_size=2, max_size=2
        )
    )
)
def test_csv_keeps_every_text(rows: list[list[str]]) -> None:
    table = Table(header=False, formulas="keep")
    assert parse(serialise(rows, "csv", table), "csv", table) == rows


@pytest.mark.parametrize("long", [0, 500_000], ids=["item by item", "at once"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", []),
        (" [1] ", [1]),
        ('[1, [2], {"a": "]"} , null]\n', [1, [2], {"a": "]"}, None]),
        ("[1,]", None),
        ("[1 2]", None),
        ("[", None),
        ("[1", None),
        ("[1,", None),
        ("[,1]", None),
        ("[1]x", None),
        ("[NaN]", None),
    ],
)
def test_long_json_is_read_as_short_is(text: str, expected: Any, long: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from codefactory.pipelines.transform import formats
    from codefactory.pipelines.transform.limits import TransformError

    monkeypatch.setattr(formats, "_LONG", long)
    if expected is None:
        with pytest.raises(TransformError, match="not valid JSON"):
            parse(text, "json", Table())
    else:
        assert parse(text, "json", Table()) == expected


async def test_files_are_streamed(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("name,age\n" + "".join(f"n{i},{i}\n" for i in range(2500)))
    done = await run_step(
        "transform",
        policy(tmp_path),
        **{"from": {"path": "in.csv"}, "to": {"path": "out/out.jsonl"}},
        operations=[
            {"operation": "filter", "condition": "to_number(age) >= `10`"},
            {"operation": "limit", "start": 5, "count": 1000},
            {"operation": "query", "expression": "{n: name}"},
        ],
    )
    lines = (tmp_path / "out/out.jsonl").read_text().splitlines()
    assert (len(lines), lines[0], lines[-1]) == (1000, '{"n":"n15"}', '{"n":"n1014"}')
    assert done == {"path": "out/out.jsonl", "items": 1000, "bytes": (tmp_path / "out/out.jsonl").stat().st_size}


async def test_from_a_file_all_operations_work(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"a": 2}\n{"a": 1}\n')
    found = await run_step(
        "transform",
        policy(tmp_path),
        **{"from": {"path": "in.jsonl"}},
        operations=[{"operation": "query", "expression": "a"}, {"operation": "sort"}],
    )
    assert found == [1, 2]


async def test_a_stream_that_fails_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"a": 2}\n{"a": \n')
    said = await error_of("transform", policy(tmp_path), **{"from": {"path": "in.jsonl"}, "to": {"path": "out.csv"}})
    assert "`in.jsonl`, line 2: not valid JSON" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl"]  # noqa: ASYNC240


def test_what_cannot_be_streamed_is_said_before_a_run() -> None:
    wrong = _definition({"from": {"path": "a"}, "to": {"path": "b"}, "operations": [{"operation": "sort"}]})
    found = loads(json.dumps(wrong), "json").findings
    assert [f.message for f in found] == ["`sort` needs all items at once, so it cannot go from file to file."]


def test_the_importers_fields_are_valid() -> None:
    steps = {"input": "{{ inputs.x }}", "operations": [{"operation": "sort"}]}
    definition = {**_definition(steps), "inputs": {"x": "array"}}
    assert loads(json.dumps(definition), "json").findings == ()
