"""Foreign texts: `{{…}}` templates, prompts made of parts, conditions."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from codefactory.pipelines.engine.values import is_list, is_mapping

if TYPE_CHECKING:
    from .notes import Notes, Where

_TEMPLATE = re.compile(r"\{\{\s*(?P<inside>.*?)\s*\}\}", re.DOTALL)
_CHAIN = re.compile(r"(?<![\w.'\"])[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*|\[\d+\])*")
_WORDS = frozenset(
    ("and", "or", "not", "in", "is", "true", "false", "none", "null", "True", "False", "None", "defined", "undefined")
)
_RESULTS = ("result", "output", "response", "content", "text")
"""Words after a step's name that mean its output."""
_STRING = re.compile(r"'[^']*'|\"[^\"]*\"")


def template(text: str, notes: Notes, where: Where) -> str:
    """The text with every `{{…}}` in our language."""
    return _TEMPLATE.sub(lambda m: f"{{{{ {expression(m['inside'], notes, where)} }}}}", text)


def value(data: Any, notes: Notes, where: Where) -> Any:
    """Any data with the templates in its texts translated."""
    if isinstance(data, str):
        return template(data, notes, where)
    if is_mapping(data):
        return {str(k): value(v, notes, (*where, str(k))) for k, v in data.items()}
    if is_list(data):
        return [value(v, notes, (*where, i)) for i, v in enumerate(data)]
    return data


def expression(inside: str, notes: Notes, where: Where) -> str:
    """An expression with its names translated; quoted texts stay."""
    parts: list[str] = []
    at = 0
    for quoted in _STRING.finditer(inside):
        parts += (_CHAIN.sub(lambda m: chain(m[0], notes, where), inside[at : quoted.start()]), quoted[0])
        at = quoted.end()
    parts.append(_CHAIN.sub(lambda m: chain(m[0], notes, where), inside[at:]))
    return "".join(parts).replace("&&", " and ").replace("||", " or ")


def chain(text: str, notes: Notes, where: Where) -> str:
    """One dotted name."""
    head, _, rest = text.partition(".")
    if head in _WORDS:
        return text
    if head == "steps" and rest:
        head, _, rest = rest.partition(".")
    elif head in ("state", "variables", "vars", "global_vars") and rest:
        head, _, rest = rest.partition(".")
        if head not in notes.variables:
            notes.lost(f"the variable `{head}` is not set before it is used here.", where, severity="high")
            return "none"
    if head in notes.loop_names:
        return _dotted(notes.loop_names[head], rest)
    if head == "loop" and rest:
        inner, _, rest = rest.partition(".")
        if inner in notes.loop_names:
            return _dotted(notes.loop_names[inner], rest)
    if head in notes.variables:
        return _dotted(notes.variables[head], rest)
    if head in notes.names:
        first, _, more = rest.partition(".")
        return _dotted(f"steps.{notes.names[head]}.output", more if first in _RESULTS else rest)
    if head == "inputs":
        return text
    notes.lost(f"`{text}` is not known at this place; it gives nothing in the result.", where, severity="high")
    return "none"


def _dotted(head: str, rest: str) -> str:
    """With keys that are no words in brackets."""
    for part in rest.split(".") if rest else ():
        name, bracket, index = part.partition("[")
        head += (f".{name}" if re.fullmatch(r"\w+", name) else f"[{name!r}]") + bracket + index
    return head


def prompt(parts: Any, notes: Notes, where: Where) -> str:
    """A prompt's parts as one text; files and session context become reads or findings."""
    if isinstance(parts, str):
        return template(parts, notes, where)
    if not is_list(parts):
        notes.lost("the prompt is neither a text nor a list of parts.", where, severity="high")
        return ""
    texts = [_part(part, notes, (*where, i)) for i, part in enumerate(parts)]
    return "\n\n".join(text for text in texts if text)


def _part(part: Any, notes: Notes, where: Where) -> str:
    if isinstance(part, str):
        return template(part, notes, where)
    kind = part.get("type") if is_mapping(part) else None
    used = {"type"}
    match kind:
        case "static":
            used |= {"content"}
            text = template(str(part.get("content", "")), notes, where)
        case "file":
            used |= {"path"}
            text = _file(part, notes, where)
        case "previous_response":
            used |= {"step", "extract"}
            text = _previous(part, notes, where)
        case _:
            notes.lost(f"a prompt's part of type `{kind}` has no counterpart and is left out.", where, severity="high")
            return ""
    notes.leftovers(part, used, where)
    return text


def _file(part: dict[str, Any], notes: Notes, where: Where) -> str:
    """A file's content comes from an input, which is asked for: reading is a step's job."""
    path = str(part.get("path", ""))
    name = "file_" + re.sub(r"\W+", "_", path).strip("_")
    notes.files[name] = path
    return f"{{{{ inputs.{name} }}}}"


def _previous(part: dict[str, Any], notes: Notes, where: Where) -> str:
    step = str(part.get("step", ""))
    if step not in notes.names:
        notes.lost(f"the step `{step}` is not before this one.", (*where, "step"), severity="high")
        return ""
    return f"{{{{ {_dotted(f'steps.{notes.names[step]}.output', str(part.get('extract', '')))} }}}}"


def condition(data: Any, notes: Notes, where: Where) -> str | bool:
    """A condition as one expression. One that cannot be told becomes false, with a finding: nothing runs by guess."""
    if isinstance(data, bool):
        return data
    if isinstance(data, str):
        text = _TEMPLATE.sub(lambda m: m["inside"], data)
        return re.sub(r"!(?!=)\s*", "not ", re.sub(r"(?<![=!<>])=(?!=)", "==", expression(text, notes, where)))
    if is_list(data):
        return " and ".join(f"({condition(c, notes, (*where, i))})" for i, c in enumerate(data))
    if is_mapping(data) and len(data) == 1:
        ((word, inner),) = data.items()
        if word in ("and", "or") and is_list(inner):
            joined = [f"({condition(c, notes, (*where, word, i))})" for i, c in enumerate(inner)]
            return f" {word} ".join(joined)
        if word == "not":
            return f"not ({condition(inner, notes, (*where, word))})"
    if is_mapping(data) and {"field", "operator"} <= data.keys():
        compared = _comparison(data, notes, where)
        if compared is not None:
            return compared
    notes.lost("this condition cannot be translated; the step is switched off in the result.", where, severity="high")
    return False


_OPERATORS = {
    "equals": "==", "==": "==", "eq": "==", "not_equals": "!=", "!=": "!=", "ne": "!=", ">": ">", "gt": ">",
    "greater_than": ">", "<": "<", "lt": "<", "less_than": "<", ">=": ">=", "gte": ">=", "<=": "<=", "lte": "<=",
    "in": "in",
}  # fmt: skip


def _comparison(data: dict[str, Any], notes: Notes, where: Where) -> str | None:
    left = expression(str(data["field"]), notes, where)
    right = json.dumps(data.get("value"), ensure_ascii=False)
    right = {"null": "none"}.get(right, right)
    operator = str(data["operator"])
    if operator == "contains":
        return f"{right} in {left}"
    return f"{left} {_OPERATORS[operator]} {right}" if operator in _OPERATORS else None
