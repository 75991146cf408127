"""The operations of a `transform`, as they stand in a definition."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from codefactory.pipelines.definitions.model import Strict

from .formats import Format  # noqa: TC001 pydantic reads it
from .tables import Table


class _Table(Strict):
    delimiter: str | None = Field(default=None, min_length=1, max_length=1, description="Between the fields of CSV.")
    quote: str = Field(default='"', min_length=1, max_length=1, description="Around fields of CSV.")
    header: bool = Field(default=True, description="Whether the first row of CSV names the columns.")
    columns: list[str] | None = Field(default=None, description="The columns of CSV, in place of a header's.")
    formulas: Literal["escape", "keep"] = Field(
        default="escape",
        description="Texts that a spreadsheet would take for a formula (`=…`, `+…`, `-…`, `@…`) get a `'` before them.",
    )

    def table(self, format_: Format) -> Table:
        delimiter = self.delimiter or ("\t" if format_ == "tsv" else ",")
        return Table(delimiter, self.quote, self.header, self.columns, self.formulas)


class _OnField(Strict):
    field: str | None = Field(default=None, description="The field of an object whose text is meant.")


class Parse(_Table, _OnField):
    """Reads a text as data."""

    operation: Literal["parse"] = Field(description="This operation.")
    format: Format = Field(description="How the text is written.")


class Serialise(_Table):
    """Writes data as a text."""

    operation: Literal["serialise"] = Field(description="This operation.")
    format: Format = Field(description="How the text is written.")
    indent: int | None = Field(default=None, ge=0, le=8, description="Spaces a level, for JSON and XML.")
    root: str = Field(default="root", description="The outermost element of XML, where the data does not name it.")


class Query(Strict):
    """Gives what a JMESPath expression finds."""

    operation: Literal["query"] = Field(description="This operation.")
    expression: str = Field(description="In JMESPath.", examples=["people[?age > `30`].name"])


class Validate(Strict):
    """Fails unless the data fits a JSON Schema; gives the data."""

    operation: Literal["validate"] = Field(description="This operation.")
    schema_: dict[str, Any] | bool = Field(alias="schema", description="Any draft; references to other files fail.")


class Filter(_OnField):
    """Keeps the items of a list for which a JMESPath condition holds."""

    operation: Literal["filter"] = Field(description="This operation.")
    condition: str = Field(description="In JMESPath, of each item.", examples=["priority == 'high'"])


class Pick(Strict):
    """Keeps these fields of an object, or of each in a list, in this order."""

    operation: Literal["pick"] = Field(description="This operation.")
    fields: list[str] = Field(description="Their names.")


class Omit(Strict):
    """Leaves these fields out."""

    operation: Literal["omit"] = Field(description="This operation.")
    fields: list[str] = Field(description="Their names.")


class Rename(Strict):
    """Gives fields other names."""

    operation: Literal["rename"] = Field(description="This operation.")
    fields: dict[str, str] = Field(description="Old name: new name.")


class Sort(Strict):
    """Sorts a list. Numbers come before texts, nulls last; equal items keep their order."""

    operation: Literal["sort"] = Field(description="This operation.")
    by: list[str] | str | None = Field(default=None, description="Fields, the first counting most. None: the items.")
    descending: bool = Field(default=False, description="The largest first.")


class Group(Strict):
    """Puts items with the same value of a field together: a list of `{key, items, count}`."""

    operation: Literal["group"] = Field(description="This operation.")
    by: str = Field(description="The field.")


class Unique(Strict):
    """Keeps the first of equal items, or of items with an equal field."""

    operation: Literal["unique"] = Field(description="This operation.")
    by: str | None = Field(default=None, description="The field; none: the whole item.")


class Limit(Strict):
    """Keeps some items of a list."""

    operation: Literal["limit"] = Field(description="This operation.")
    count: int = Field(ge=0, description="How many.")
    start: int = Field(default=0, ge=0, description="How many are left out before.")


class Flatten(Strict):
    """Lists in lists become one; of an object, nested fields get dotted names."""

    operation: Literal["flatten"] = Field(description="This operation.")
    depth: int = Field(default=100, ge=1, le=100, description="How many levels.")
    separator: str = Field(default=".", description="Between the names of nested fields.")


class Merge(Strict):
    """Puts the fields of another object over those of this one, or of each in a list. Without `with`: the objects of
    a list over each other."""

    operation: Literal["merge"] = Field(description="This operation.")
    with_: dict[str, Any] | None = Field(default=None, alias="with", description="What is put over it.")
    deep: bool = Field(default=False, description="Whether objects in them are merged as well.")


class Template(Strict):
    """Makes a text of an object, or of each in a list: `$name` and `${name.inner}` stand for fields."""

    operation: Literal["template"] = Field(description="This operation.")
    text: str = Field(description="`$$` stands for a dollar.", examples=["${name}: $count"])


class Split(_OnField):
    """Splits a text."""

    operation: Literal["split"] = Field(description="This operation.")
    by: str = Field(default="\n", min_length=1, description="What stands between the parts.")


class Join(_OnField):
    """Joins a list of texts and numbers to one text."""

    operation: Literal["join"] = Field(description="This operation.")
    by: str = Field(default="\n", description="What stands between them.")


class Replace(_OnField):
    """Replaces a text in a text, or in each of a list."""

    operation: Literal["replace"] = Field(description="This operation.")
    old: str = Field(min_length=1, description="What is replaced.")
    new: str = Field(default="", description="What takes its place.")


class Regex(_OnField):
    """Applies a regular expression to a text, or to each of a list. It has two seconds."""

    operation: Literal["regex"] = Field(description="This operation.")
    pattern: str = Field(description="As Python and the `regex` package write it.")
    mode: Literal["find", "replace", "split", "keep", "drop"] = Field(
        default="find",
        description="`find` gives all matches; `keep` and `drop` those items of a list that match, or do not.",
    )
    replacement: str = Field(default="", description="For `replace`; `\\1` and `\\g<name>` stand for groups.")
    flags: str = Field(default="", pattern=r"^[imsx]*$", description="`i`: any case; `m`: `^`, `$` at lines; `s`; `x`.")


Operation = Annotated[
    Parse
    | Serialise
    | Query
    | Validate
    | Filter
    | Pick
    | Omit
    | Rename
    | Sort
    | Group
    | Unique
    | Limit
    | Flatten
    | Merge
    | Template
    | Split
    | Join
    | Replace
    | Regex,
    Field(discriminator="operation"),
]

ITEMWISE = (
    Parse, Serialise, Query, Validate, Filter, Pick, Omit, Rename, Limit, Flatten, Merge, Template, Split, Join,
    Replace, Regex,
)  # fmt: skip
"""Those that need no more than one item at a time."""


class Source(_Table):
    """A file whose items are read one after the other."""

    path: str = Field(description="The file.")
    format: Literal["jsonl", "csv", "tsv", "lines"] | None = Field(
        default=None, description="By default what the name says: `.jsonl`, `.ndjson`, `.csv`, `.tsv`, else lines."
    )
    encoding: str = Field(default="utf-8", description="Of the text.")

    def kind(self) -> Literal["jsonl", "csv", "tsv", "lines"]:
        if self.format is not None:
            return self.format
        ending = self.path.lower().rpartition(".")[2]
        if ending in ("jsonl", "ndjson"):
            return "jsonl"
        return "csv" if ending == "csv" else "tsv" if ending == "tsv" else "lines"


class Target(Source):
    """A file that the items are written to."""
