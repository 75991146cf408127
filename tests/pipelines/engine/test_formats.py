"""The format around the engine: schema, conversion, migration, comparison, outline, and the examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codefactory.pipelines.definitions import default_registry, load, loads, outline
from codefactory.pipelines.definitions.comparison import compare
from codefactory.pipelines.definitions.conversion import dump_yaml, merge_yaml, to_json, to_yaml
from codefactory.pipelines.definitions.migration import MIGRATIONS, migrate
from codefactory.pipelines.definitions.schema import json_schema
from codefactory.pipelines.definitions.source import SourceError, parse
from codefactory.pipelines.engine import Engine
from codefactory.pipelines.models import connect
from codefactory.pipelines.models.source import fixed

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples" / "pipelines").glob("*.yaml"))

COMMENTED = """\
# What this is for.
version: 1
name: p # short

steps:
  # The first one.
  a:
    type: set
    with: {value: "# no comment"}
  b: {type: set, with: {value: |
      one
      # two
    }}
"""


@pytest.mark.parametrize("text", [COMMENTED, *(p.read_text() for p in EXAMPLES)])
def test_yaml_to_json_and_back_loses_nothing(text: str) -> None:
    text = text if "b: {type" not in text else text[: text.index("  b:")]
    as_json = to_json(text)
    assert to_yaml(as_json) == text
    data = {k: v for k, v in json.loads(as_json).items() if k != "#"}
    assert data == parse(text).data
    assert list(data) == list(parse(text).data)


def test_an_edited_json_keeps_the_comments_of_the_rest() -> None:
    text = COMMENTED[: COMMENTED.index("  b:")]
    data = json.loads(to_json(text))
    data["steps"]["a"]["with"]["value"] = 3
    data["steps"]["c"] = {"type": "set", "with": {"value": "new"}}
    back = to_yaml(json.dumps(data))
    assert "# What this is for." in back
    assert "name: p # short" in back
    assert "  # The first one.\n  a:" in back
    assert parse(back).data == {k: v for k, v in data.items() if k != "#"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=150, deadline=None)
def test_any_data_survives_yaml(data: Any) -> None:
    assert parse(dump_yaml(data)).data == data


@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), JSON, min_size=1, max_size=4), JSON)
@settings(max_examples=100, deadline=None)
def test_merging_gives_the_new_data_whatever_was_there(old: dict[str, Any], new: Any) -> None:
    assert parse(merge_yaml(dump_yaml(old), {"x": new})).data == {"x": new}


OLD_0 = """\
# Kept.
pipeline: old
inputs: {n: integer}
steps:
  - id: first # the start
    uses: set
    args: {value: "{{ inputs.n }}"}
  - id: second
    uses: set
    depends_on: [first]
    args: {value: "{{ steps.first.output }}"}
"""


def test_there_is_a_fixture_for_every_migration() -> None:
    assert len(MIGRATIONS) == 1  # OLD_0


async def test_an_older_definition_is_migrated_with_its_comments() -> None:
    text = migrate(OLD_0)
    assert "# Kept." in text
    assert migrate(text) == text
    assert (await Engine().run(loads(text).unwrap(), {"n": 3})).output == 3


@pytest.mark.parametrize(
    ("text", "message"), [("version: 9", "newer than this program"), ("a: 1", "this is no pipeline")]
)
def test_what_is_no_older_definition_is_refused(text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        migrate(text)


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["~ a.b: 1 → 2"]),
        ({"a": 1}, {"c": [1]}, ["- a: 1", "+ c: [1]"]),
        ({"a": 1}, {"a": True}, ["~ a: 1 → True"]),
    ],
)
def test_differences_are_named_by_place(before: Any, after: Any, changes: list[str]) -> None:
    assert [str(c) for c in compare(before, after)] == changes


def test_an_outline_shows_what_can_run_side_by_side() -> None:
    plan = load(ROOT / "examples" / "pipelines" / "triage.yaml").unwrap()
    assert outline.outline(plan).splitlines() == [
        "1. rate (map)",
        "   1. level (condition)",
        "   2. note_block (set) ← level [conditional]",
        "2. verdict (condition) ← rate",
    ]
    assert "s0 --> s1" in outline.mermaid(plan)


def test_the_schema_describes_every_type_and_setting() -> None:
    schema = json_schema()
    step = schema["$defs"]["StepModel"]
    assert [t["const"] for t in step["properties"]["type"]["oneOf"]] == [t.name for t in default_registry().types]
    for name, definition in schema["$defs"].items():
        for key, setting in definition.get("properties", {}).items():
            described = "description" in setting or "$ref" in json.dumps(setting)
            assert described, f"{name}.{key} has no description"
    references = {part.split('"')[0] for part in json.dumps(schema).split('"#/$defs/')[1:]}
    assert references <= schema["$defs"].keys()


RESULTS = {
    "greeting": {"text": "HELLO WORLD!"},
    "triage": {
        "rated": [
            {"rule": "S105", "level": "block"},
            {"rule": "F401", "level": "note"},
            {"rule": "S603", "level": "review"},
        ],
        "verdict": "stop: app.py: S105",
    },
    "summarize": {"summary": "No change passes that adds a finding or hides one.", "topic": "process"},
    "converge": {"rounds": [50.0, 25.0, 12.5, 6.25, 3.125], "text": "HELLO 5 ROUNDS!"},
}


@pytest.mark.parametrize("path", [p for p in EXAMPLES if p.stem in (*RESULTS, "release")], ids=lambda p: p.stem)
async def test_the_examples_run(path: Path) -> None:
    replies = path.with_suffix(".replies.json")
    models = fixed(connect(f"scripted/{replies}")) if replies.exists() else None
    result = await Engine(models=models).run(load(path).unwrap(), {}, wait=False)
    if path.stem == "release":
        assert (result.status, str(result.error)) == (
            "waiting",
            "step `ask` waits for an answer: Publish Release 1.2.0?",
        )
    else:
        assert result.unwrap() == RESULTS[path.stem]
