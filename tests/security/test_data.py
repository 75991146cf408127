"""Hostile data against the `transform` step: what makes much out of little, and what reaches out."""

from __future__ import annotations

import json
import socket
import tracemalloc
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from step_runs import error_of, policy, run_step, run_steps

from codefactory.pipelines.policy import DENY_ALL
from codefactory.pipelines.transform import limits

if TYPE_CHECKING:
    from pathlib import Path


async def refused(value: Any, *operations: dict[str, Any]) -> str:
    """Why a transform fails; quickly, and in little memory."""
    started = monotonic()
    tracemalloc.start()
    try:
        settings = {"input": "{{ inputs.value }}", "operations": list(operations)}
        step = {"type": "transform", "with": settings}
        result = await run_steps(step, allowed=DENY_ALL, inputs={"value": value})
        assert result.status == "failed", f"the step gave {str(result.outputs)[:200]}"
        said = str(result.error)
        assert tracemalloc.get_traced_memory()[1] < 300_000_000
    finally:
        tracemalloc.stop()
    assert monotonic() - started < 30
    return said


def parse(format_: str, **more: Any) -> dict[str, Any]:
    return {"operation": "parse", "format": format_, **more}


def query(expression: str) -> dict[str, Any]:
    return {"operation": "query", "expression": expression}


@pytest.mark.hostile("data-yaml-bomb", "YAML whose aliases double: a billion laughs")
async def test_yaml_bomb() -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
    )
    assert "aliases make more than 200000 values" in await refused(laughs, parse("yaml"))
    assert "an alias contains itself" in await refused("a: &a [*a]", parse("yaml"))


@pytest.mark.hostile("data-yaml-tag", "YAML tags that would make objects or run code")
@pytest.mark.parametrize("text", ["!!python/object/apply:os.system [id]", "!!python/name:os.system", "!x {a: 1}"])
async def test_yaml_tags(text: str) -> None:
    assert "is not allowed" in await refused(f"a: {text}", parse("yaml"))


@pytest.mark.hostile("data-xml-entities", "XML entities: a billion laughs, one that doubles, an external file")
@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><l>&b;</l>',
        f'<!DOCTYPE l [<!ENTITY a "{"x" * 100_000}">]><l>{"&a;" * 1000}</l>',
        '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>',
        '<!DOCTYPE l SYSTEM "http://example.com/evil.dtd"><l/>',
        '<!DOCTYPE l [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><l/>',
    ],
)
async def test_xml_entities(text: str) -> None:
    said = await refused(text, parse("xml"))
    assert "document type or entities, which are refused" in said
    assert "root:" not in said


@pytest.mark.hostile("data-deep", "JSON, YAML, XML and TOML nested thousands deep")
@pytest.mark.parametrize(
    ("format_", "text"),
    [
        ("json", "[" * 100_000 + "]" * 100_000),
        ("json", "[" * 500 + "]" * 500),
        ("yaml", "[" * 5000 + "]" * 5000),
        ("xml", "<a>" * 10_000 + "</a>" * 10_000),
        ("toml", "a = " + "[" * 5000 + "]" * 5000),
        ("toml", ".".join("a" * 5000) + " = 1"),
    ],
)
async def test_deep_nesting(format_: str, text: str) -> None:
    said = await refused(text, parse(format_))
    assert "nest" in said or "recursion" in said


@pytest.mark.hostile("data-huge", "texts beyond the limit, made or given, and numbers of a million digits")
async def test_huge_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not valid JSON" in await refused("9" * 100_000, parse("json"))
    monkeypatch.setattr(limits, "MAX_TEXT", 1000)
    assert "more than 1,000" in await refused("x" * 1001, parse("lines"))
    monkeypatch.setattr(limits, "MAX_NODES", 100)
    monkeypatch.setattr(limits.measure, "__defaults__", (100,))
    assert "more than 100 values" in await refused(list(range(200)), {"operation": "sort"})


@pytest.mark.hostile("data-replace-bomb", "replacements that multiply a text")
async def test_replace_bomb() -> None:
    twice = {"operation": "replace", "old": "a", "new": "a" * 1000}
    assert "more than 33,554,432" in await refused("a" * 1000, twice, twice, twice)
    twice = {"operation": "regex", "mode": "replace", "pattern": "a", "replacement": "a" * 1000}
    assert "more than 33,554,432" in await refused("a" * 1000, twice, twice, twice)
    joined = {"operation": "join", "by": "x" * 10_000}
    assert "more than 33,554,432" in await refused(["a"] * 10_000, joined)


@pytest.mark.hostile("data-regex-bomb", "patterns that backtrack for ever")
@pytest.mark.parametrize("mode", ["find", "replace", "split"])
async def test_regex_bomb(mode: str) -> None:
    bomb = {"operation": "regex", "mode": mode, "pattern": r"(?:(?:a|a)*)*\1?(a+)+$|(x+x+)+y", "replacement": ""}
    said = await refused("a" * 40 + "!" + "x" * 5000, {**bomb, "pattern": r"(x+x+)+y(?=z)|^(?:a|aa|a?)+$"})
    assert "took more than 2 s" in said


@pytest.mark.hostile("data-regex-evil", "patterns too long, too nested, or with counts that would fill memory")
@pytest.mark.parametrize("pattern", ["a" * 3000, "(" * 1500, "(?R)" * 600])
async def test_evil_patterns(pattern: str) -> None:
    said = await refused("aaa", {"operation": "regex", "pattern": pattern})
    assert "the pattern" in said


@pytest.mark.hostile("data-query-bomb", "JMESPath that doubles its result with every step, or makes a text of it")
@pytest.mark.parametrize(
    "expression",
    [
        " | ".join(["[@, @]"] * 60),
        " | ".join(["[@, @][]"] * 60),
        " | ".join(["{a: @, b: @}"] * 50),
        " | ".join(["[@, @]"] * 30) + " | to_string(@)",
        " | ".join(["join('', [@, @])"] * 60),
    ],
)
async def test_query_bomb(expression: str) -> None:
    said = await refused("x" * 1000, query(expression))
    assert "more than" in said or "deep" in said


@pytest.mark.hostile("data-query-abuse", "JMESPath too long, too nested, of the wrong kind")
@pytest.mark.parametrize(
    "expression",
    ["a" * 20_000, "(" * 2000, "!" * 5000 + "a", "[[" * 900, "abs('x')", "sort(@)", "sum(@)"],
)
async def test_query_abuse(expression: str) -> None:
    assert "quer" in await refused({"a": 1}, query(expression))


@pytest.mark.hostile("data-schema-fetch", "a JSON Schema that refers to an address or a file is not fetched")
async def test_schema_is_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        for reference in (f"{address}/schema.json", f"file://{tmp_path}/schema.json", "schema.json"):
            said = await refused({}, {"operation": "validate", "schema": {"$ref": reference}})
            assert "the schema is not valid" in said
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.hostile("data-schema-bomb", "a JSON Schema whose pattern backtracks, or that refers to itself")
async def test_schema_bomb() -> None:
    started = monotonic()
    said = await refused("a" * 5000 + "!", {"operation": "validate", "schema": {"pattern": "^(a+)+$"}})
    assert "does not fit" in said
    assert monotonic() - started < 5
    said = await refused({}, {"operation": "validate", "schema": {"pattern": "(?<=a+)b"}})
    assert "the schema is not valid" in said


@pytest.mark.hostile("data-csv-formula", "cells that a spreadsheet would run are written as text")
async def test_csv_formulas() -> None:
    cells = ["=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1"]
    text = await run_step(
        "transform",
        DENY_ALL,
        input=[[cell] for cell in cells],
        operations=[{"operation": "serialise", "format": "csv"}],
    )
    for row in text.replace('"', "").split("\n"):
        assert not row or row.startswith("'") or not row.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert text.count("'") >= len(cells)


@pytest.mark.hostile("data-csv-bomb", "a CSV field without end, a quote that is never closed")
async def test_csv_bomb() -> None:
    said = await refused('a,b\n"' + "x" * 20_000_000, parse("csv"))
    assert "not valid CSV" in said


@pytest.mark.hostile("data-template-injection", "a template's `$` reaches fields of the data only")
async def test_template_injection() -> None:
    for text in ("${__class__}", "$__init__", "${a.__class__.__mro__}"):
        said = await refused({"a": {"b": 1}}, {"operation": "template", "text": text})
        assert "there is no" in said or "is no template" in said
    given = {"a": "{{ run.id }} ${b} $b", "b": "secret"}
    settings = {"input": "{{ inputs.given }}", "operations": [{"operation": "template", "text": "$a"}]}
    step = {"type": "transform", "with": settings}
    made = (await run_steps(step, allowed=DENY_ALL, inputs={"given": given})).unwrap()["s0"]
    assert made == "{{ run.id }} ${b} $b"


@pytest.mark.hostile("data-stream-paths", "a transform's files are held by the policy as those of `file` are")
async def test_transform_paths(tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (tmp_path / "secret.csv").write_text("a\nb\n")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "mine.csv").write_text("a\nb\n")
    for path in ("../secret.csv", str(tmp_path / "secret.csv"), "link.csv"):
        assert "out" in await error_of("transform", policy(folder), **{"from": {"path": path}})
        settings: Any = {"from": {"path": "mine.csv"}, "to": {"path": path}}
        assert "out" in await error_of("transform", policy(folder), **settings)
    assert (tmp_path / "secret.csv").read_text() == "a\nb\n"


@pytest.mark.hostile("data-stream-bomb", "a stream that would fill the disk stops at the policy's size")
async def test_stream_bomb(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps("x" * 1000) + "\n" + json.dumps("y" * 1000) + "\n")
    settings: Any = {"from": {"path": "in.jsonl"}, "to": {"path": "out.jsonl"}}
    said = await error_of("transform", policy(tmp_path, max_file_bytes=1500), **settings)
    assert "more than 1,500 bytes" in said
    assert [p.name for p in tmp_path.iterdir()] == ["in.jsonl"]  # noqa: ASYNC240
