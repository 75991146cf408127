"""Listings that come page by page: where the next one is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from codefactory.pipelines.engine.errors import StepError

from .client import origin

if TYPE_CHECKING:
    import httpx

_LINK = re.compile(r'<([^<>]*)>\s*((?:;\s*[^\s=;,]+\s*=\s*(?:"[^"]*"|[^\s;,"]*)\s*)*)')
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))', re.IGNORECASE)


class Pages(BaseModel):
    """How to come by the next page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Literal["link", "cursor", "page"] = Field(
        description="`link`: the Link header says where it is, or what is at `next`; `cursor`: a value at `next` is "
        "sent back as `parameter`; `page`: pages are numbered, from `first`, until one is empty.",
    )
    items: str | None = Field(
        default=None,
        description="Where in the answer the items are, as `data.items`; without it, the answer is the list.",
    )
    next: str | None = Field(default=None, description="Where in the answer the address or the cursor is.")
    parameter: str = Field(default="page", description="The query's parameter for the cursor or the number.")
    first: int = Field(default=1, ge=0, description="The number of the first page.")
    limit: int = Field(default=10, ge=1, le=1000, description="The most pages that are fetched.")


def at(value: Any, path: str | None) -> Any:
    """What is at a dotted path; None where there is nothing."""
    for part in path.split(".") if path else ():
        if isinstance(value, dict):
            value = cast("dict[str, Any]", value).get(part)
        elif isinstance(value, list) and part.isdigit():
            items = cast("list[Any]", value)
            value = items[int(part)] if int(part) < len(items) else None
        else:
            return None
    return value


def items_of(pages: Pages, body: Any) -> list[Any]:
    """Raises StepError where there is no list."""
    found = at(body, pages.items)
    if not isinstance(found, list):
        where = f"at `{pages.items}`" if pages.items else "in it"
        raise StepError(f"the answer has no list of items {where}", "invalid_output")
    return cast("list[Any]", found)


def next_url(
    pages: Pages, url: httpx.URL, answer: httpx.Response, body: Any, number: int, found: int
) -> httpx.URL | None:
    """Where page `number` + 1 is; None after the last. Raises StepError for a page of another host."""
    match pages.by:
        case "page":
            return url.copy_set_param(pages.parameter, str(pages.first + number)) if found else None
        case "cursor":
            cursor = at(body, pages.next)
            if cursor is None or cursor in ("", False):
                return None
            return url.copy_set_param(pages.parameter, str(cursor))
        case "link":
            target = at(body, pages.next) if pages.next else _linked(answer)
    if not target:
        return None
    following = url.join(str(target))
    if origin(following) != origin(url):
        raise StepError(f"the next page is said to be on another host, {following.host}, which is not followed")
    return following


def _linked(answer: httpx.Response) -> str | None:
    for match in _LINK.finditer(answer.headers.get("link", "")[:10_000]):
        rel = _REL.search(match[2])
        if rel and "next" in (rel[1] or rel[2]).lower().split():
            return match[1]
    return None
