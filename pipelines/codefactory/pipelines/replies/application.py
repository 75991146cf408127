"""`apply_reply()`: a reply's edits on a text, exactly or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codefactory.analyzers.text import Text

from .definitions import apply_code
from .matching import NoPlace, Place, Target
from .reply import Applied, NotApplied

if TYPE_CHECKING:
    from .reply import Block, Reply

_BOM = "\ufeff"
_ELISION_WORDS = frozenset({"rest", "existing", "remaining", "unchanged", "same", "previous", "other", "code", "here"})


def apply_reply(text: str, reply: Reply) -> Applied | NotApplied:
    """Apply what can be applied without guessing. All blocks are looked for in `text` as given, so their order does
    not matter. Line endings, the final newline and a byte order mark stay as they are. Never raises."""
    bom, body = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    result = apply_code(body, reply, elided) if reply.format == "code" else _apply_blocks(body, reply)
    if isinstance(result, NotApplied):
        return result
    after = _same_final_newline(body, result.text)
    if after == body:
        return NotApplied(_sentences((*result.problems, "The reply changes nothing.")))
    return Applied(bom + after, result.used, result.problems)


def elided(before: str, after: str) -> str | None:
    """A line of `after` that stands for code left out, like "# ... rest of the code"; None when there is none."""
    lines = (line.strip() for line in after.split("\n"))
    return next((line for line in lines if _stands_for_code(line) and line not in before), None)


def _stands_for_code(line: str) -> bool:
    if line in {"...", "…"}:
        return True
    if not line.startswith(("#", "//", "...", "…")) or len(line) > 100:
        return False
    words = set(line.replace("...", " ").replace("…", " ").lower().strip("#/ ().").split())
    dotted = "..." in line or "…" in line
    return bool(words & _ELISION_WORDS if dotted else {"rest", "unchanged"} <= words or {"rest", "same"} <= words)


def _apply_blocks(text: str, reply: Reply) -> Applied | NotApplied:
    target = Target(Text(text))
    problems = list(reply.problems)
    places: list[Place] = []
    used: list[int] = []
    for number, block in enumerate(reply.blocks, start=1):
        found = _find(target, block)
        if isinstance(found, str):
            problems.append(f"Block {number} {found}")
        elif (clash := _clash(places, found)) is not None:
            problems.append(f"Blocks {used[clash]} and {number} change the same lines. Write them as one block.")
        else:
            places.append(found)
            used.append(number)
    if not places:
        return NotApplied(_sentences(problems) or "The reply contains no edit.")
    return Applied(_replaced(text, places), tuple(used), tuple(problems))


def _find(target: Target, block: Block) -> Place | str:
    """Where the block goes, or what is wrong with it."""
    best: NoPlace | None = None
    for search, replace in ((block.search, block.replace), *block.alternatives):
        if not search.strip():
            continue
        found = target.find(search, replace)
        if isinstance(found, Place):
            if search == replace:
                return "changes nothing: its old and its new text are the same."
            if line := elided(search, replace):
                return f"leaves code out ({_quoted(line)}). Write every line that stays."
            return found
        best = found if best is None or found.count > best.count else best
    if best is None:
        return "has an empty SEARCH part. Copy the lines to be replaced, or a line next to the place, into it."
    first = _quoted(next(line for line in block.search.split("\n") if line.strip()))
    if best.count:
        return (
            f"fits at more than one place (it begins with {first}). Copy more of the lines around it into SEARCH, "
            "so that it is the only place."
        )
    return (
        f"does not fit: its SEARCH text (it begins with {first}) is not in the file. Copy the lines from the file "
        "exactly, without line numbers and without changing anything."
    )


def _clash(places: list[Place], new: Place) -> int | None:
    return next((i for i, place in enumerate(places) if place.start < new.end and new.start < place.end), None)


def _replaced(text: str, places: list[Place]) -> str:
    pieces: list[str] = []
    at = 0
    for place in sorted(places, key=lambda p: p.start):
        pieces += (text[at : place.start], place.new_text)
        at = place.end
    return "".join((*pieces, text[at:]))


def _same_final_newline(before: str, after: str) -> str:
    if not before or not after:
        return after
    ended, ends = before.endswith(("\n", "\r")), after.endswith(("\n", "\r"))
    if ended and not ends:
        return after + Text(before).newline
    if ends and not ended:
        return after[:-2] if after.endswith("\r\n") else after[:-1]
    return after


def _quoted(line: str) -> str:
    line = line.strip()
    return f"`{line if len(line) <= 80 else line[:79] + '…'}`"


def _sentences(problems: list[str] | tuple[str, ...]) -> str:
    return " ".join(dict.fromkeys(problems))
