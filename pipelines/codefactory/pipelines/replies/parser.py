"""`parse_reply()`: the edits in what a model wrote.

Line by line and without regular expressions that backtrack: the time is linear in the reply, whatever it contains.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from pydantic import AliasChoices, BaseModel, Field, ValidationError

from .reply import Block, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CHARACTERS = 1_000_000
"""A longer reply is not read: no budget of ours allows a model to write one."""
MAX_BLOCKS = 200
_MAX_DIVIDERS = 8

_SEARCH = re.compile(r"<{4,}[ \t]*(?:SEARCH|ORIGINAL|HEAD)\b[^<>\n]{0,200}>?$", re.IGNORECASE)
_DIVIDER = re.compile(r"={5,}$")
_REPLACE = re.compile(r">{4,}(?:[ \t]*(?:REPLACE|UPDATED)\b.{0,200})?$", re.IGNORECASE)
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([\w+#.-]{0,40})[^`]{0,200}$")
_JSON = re.compile(
    r'\{\s{0,100}"edits"|(?:\[\s{0,100})?\{\s{0,100}"(?:file|path|search|replace|old|new|old_string|new_string)"'
)
_MAX_JSON_STARTS = 20
_NOT_CODE = frozenset({"diff", "patch", "json", "text", "txt", "bash", "sh", "shell", "console", "markdown", "md"})


def parse_reply(text: str) -> Reply:
    """The edits in `text`, in the first form that it has: search/replace blocks, JSON, a diff, code. Never raises."""
    if len(text) > MAX_CHARACTERS:
        return Reply(
            "none", problems=(f"The reply is longer than {MAX_CHARACTERS:,} characters. Write minimal edits.",)
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    blocks, problems = _search_replace(lines)
    if blocks or problems:
        return Reply("blocks", tuple(blocks[:MAX_BLOCKS]), problems=tuple(problems[:MAX_BLOCKS]))
    if edits := _json(text):
        return Reply("json", tuple(edits[:MAX_BLOCKS]))
    fences = list(_fences(lines))
    if hunks := _diff(lines, fences):
        return Reply("diff", tuple(hunks[:MAX_BLOCKS]))
    code = [fence for fence in fences if fence.language not in _NOT_CODE and "".join(fence.lines).strip()]
    if code:
        closed = tuple("\n".join(fence.lines) for fence in code if fence.closed)
        unclosed = "The last code block has no end: the reply was cut off. Write less: only what changes."
        return Reply("code", code=closed, problems=() if len(closed) == len(code) else (unclosed,))
    if _is_code(text):
        return Reply("code", code=(text,))
    return Reply("none", problems=("The reply contains no edit.",))


@dataclass
class _Open:
    """A search/replace block that is being read."""

    lines: list[str]
    dividers: list[int]
    """Indices in `lines` of what may divide search from replace."""


def _search_replace(lines: list[str]) -> tuple[list[Block], list[str]]:
    blocks: list[Block] = []
    problems: list[str] = []
    block: _Open | None = None
    number = 0
    for line in (*lines, None):
        bare = None if line is None else line.strip()
        starts = bare is not None and bare.startswith("<<<<") and _SEARCH.match(bare)
        ends = bare is not None and bare.startswith(">>>>") and _REPLACE.match(bare)
        if block is not None and (ends or starts or bare is None):
            number += 1
            complete = bool(ends)
            read = _block(block) if complete else _block(_without_fence(block))
            if isinstance(read, Block) and (complete or _ends_with_fence(block)):
                blocks.append(read)
            else:
                said = read if isinstance(read, str) and complete else "has no line >>>>>>> REPLACE at its end"
                problems.append(f"Block {number} {said}.")
            block = None
        if starts:
            block = _Open([], [])
        elif block is not None and line is not None and not ends:
            if bare and _DIVIDER.match(bare):
                block.dividers.append(len(block.lines))
            block.lines.append(line)
    return blocks, problems


def _ends_with_fence(block: _Open) -> bool:
    return bool(block.dividers) and any(_closes(line) for line in block.lines[block.dividers[0] :])


def _without_fence(block: _Open) -> _Open:
    """A block that ends with its code fence instead of the marker."""
    if not block.dividers:
        return block
    first = block.dividers[0]
    end = next((i for i in range(first, len(block.lines)) if _closes(block.lines[i])), len(block.lines))
    return _Open(block.lines[:end], [d for d in block.dividers if d < end])


def _closes(line: str) -> bool:
    return line.strip() in {"```", "~~~", "````"}


def _block(block: _Open) -> Block | str:
    """The block, or what is wrong with it."""
    if not block.dividers:
        return "has no line ======= between the old and the new text"
    readings = [
        ("\n".join(_unfenced(block.lines[:at])), "\n".join(_unfenced(block.lines[at + 1 :])))
        for at in block.dividers[:_MAX_DIVIDERS]
    ]
    first, *others = readings
    return Block(*first, tuple(others))


def _unfenced(lines: list[str]) -> list[str]:
    """Without a code fence around all of it."""
    if len(lines) >= 2 and lines[0].lstrip().startswith(("```", "~~~")) and _closes(lines[-1]):
        return lines[1:-1]
    return lines


class _Edit(BaseModel):
    search: str = Field(validation_alias=AliasChoices("search", "old", "old_string", "original"))
    replace: str = Field(validation_alias=AliasChoices("replace", "new", "new_string", "replacement"))


class _Edits(BaseModel):
    edits: list[_Edit]


def _json(text: str) -> list[Block]:
    """Edits in the JSON values that begin like ours. A few starts are tried, so that the time stays linear."""
    decoder = json.JSONDecoder(strict=False)
    blocks: list[Block] = []
    at = 0
    for _ in range(_MAX_JSON_STARTS):
        start = _JSON.search(text, at)
        if start is None:
            break
        try:
            value, at = decoder.raw_decode(text, start.start())
            found = _Edits.model_validate(_as_edits(value)).edits
        except (ValueError, ValidationError, RecursionError):
            at = max(at, start.end())
            continue
        blocks += (Block(_newlines(e.search), _newlines(e.replace)) for e in found)
    return blocks


def _as_edits(value: object) -> object:
    """What `_Edits` is then checked against: a list or a single edit is put where the edits belong."""
    if isinstance(value, list):
        return {"edits": cast("list[object]", value)}
    edit = cast("dict[str, object]", value)
    return edit if "edits" in edit else {"edits": [edit]}


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True)
class _Fence:
    language: str
    lines: list[str]
    closed: bool


def _fences(lines: list[str]) -> Iterator[_Fence]:
    """Fenced code blocks, as in CommonMark 4.5: one closes with the same character, at least as often, and indented
    by less than four columns more than it opened. So a fence in an indented docstring closes nothing."""
    opened: re.Match[str] | None = None
    indent = 0
    language = ""
    inside: list[str] = []
    for line in lines:
        bare = line.strip()
        depth = len(line) - len(line.lstrip())
        fence = _FENCE.match(bare) if bare.startswith(("```", "~~~")) else None
        if opened is None:
            if fence:
                opened, indent, language, inside = fence, depth, fence[2].lower(), []
        elif (
            fence
            and fence[1][0] == opened[1][0]
            and fence[1] == bare
            and len(bare) >= len(opened[1])
            and depth < indent + 4
        ):
            yield _Fence(language, inside, closed=True)
            opened = None
        else:
            inside.append(line)
    if opened is not None:
        yield _Fence(language, inside, closed=False)


def _diff(lines: list[str], fences: list[_Fence]) -> list[Block]:
    """The hunks of a unified diff. Line numbers are not believed: models count badly."""
    if not any(line.startswith("@@") for line in lines):
        hunks = [f.lines for f in fences if f.language in {"diff", "patch"}]
        return [block for hunk in hunks if (block := _hunk([x for x in hunk if not x.startswith(("---", "+++"))]))]
    blocks: list[Block] = []
    hunk: list[str] | None = None
    for number, line in enumerate((*lines, "```")):
        header = line.startswith("--- ") and number + 1 < len(lines) and lines[number + 1].startswith("+++ ")
        if line.startswith("@@") or header or (line and line[0] not in " +-\\\t"):
            if hunk and (block := _hunk(hunk)):
                blocks.append(block)
            hunk = [] if line.startswith("@@") else None
        elif hunk is not None:
            hunk.append(line)
    return blocks


def _hunk(lines: list[str]) -> Block | None:
    while lines and not lines[-1]:
        lines = lines[:-1]
    if not any(line.startswith(("+", "-")) for line in lines):
        return None
    kept = [line for line in lines if not line.startswith("\\")]
    return Block(_side(kept, "-"), _side(kept, "+"))


def _side(lines: list[str], sign: Literal["-", "+"]) -> str:
    """Context and the lines of `sign`. A blank context line may have lost its space."""
    return "\n".join(line[1:] for line in lines if not line or line[0] in f" \t{sign}")


def _is_code(text: str) -> bool:
    """Whether a reply without a fence is Python and nothing else."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in tree.body)
