"""`api`: a request over HTTP to a host that the policy allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from codefactory.pipelines.definitions.model import Strict
from codefactory.pipelines.definitions.registry import Effect, StepType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codefactory.pipelines.engine import Context

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class RateConfig(Strict):
    """So many requests a host, so often; for all runs of the process."""

    requests: float = Field(gt=0, description="Requests.")
    per_s: float = Field(default=1.0, gt=0, description="In so many seconds.")


class FileConfig(Strict):
    """A file that is part of a form."""

    path: str = Field(description="The file; the policy must let it be read.")
    name: str | None = Field(default=None, description="What it is called there; without it, its own name.")
    type: str | None = Field(default=None, description="Its media type.")


class ApiConfig(Strict):
    """Sends a request, and gives `status`, `headers` and `body`. Any text may be `secret:NAME`."""

    url: str = Field(description="The address; http or https.", examples=["https://api.example.com/items"])
    method: Method = Field(default="GET", description="The method.")
    query: dict[str, Any] = Field(default={}, description="More parameters of the address.")
    headers: dict[str, str] = Field(default={}, description="Headers.")
    auth: dict[str, Any] | None = Field(
        default=None,
        description="Who sends it: `{type: bearer, token}`, `{type: basic, username, password}`, `{type: key, key, "
        "name, in}` or `{type: oauth2, token_url, client_id, client_secret, scope, audience, style}`.",
        examples=[{"type": "bearer", "token": "secret:api_token"}],
    )
    json_: Any = Field(default=None, alias="json", description="The body, as JSON.")
    form: dict[str, Any] | None = Field(default=None, description="The body, as a form; with `files`, a multipart one.")
    files: dict[str, FileConfig] = Field(default={}, description="Files of the form, by field.")
    text: str | None = Field(default=None, description="The body, as it is.")
    file: str | None = Field(default=None, description="The body is this file; it is streamed.")
    save_to: str | None = Field(default=None, description="The answer goes into this file; it is streamed.")
    as_: Literal["auto", "json", "text", "base64"] = Field(
        default="auto", alias="as", description="What `body` is; `auto`: JSON if the answer says that it is, else text."
    )
    accept: list[int] = Field(default=[], description="Statuses besides 2xx that are no failure.", examples=[[404]])
    response_schema: dict[str, Any] | bool | None = Field(
        default=None, description="JSON Schema of the body, or of the items where there are pages."
    )
    pages: dict[str, Any] | None = Field(
        default=None,
        description="Fetch page after page; `body` is then the list of all items. `{by: link, next}`, `{by: cursor, "
        "next, parameter}` or `{by: page, parameter, first}`; with `items` and `limit`.",
        examples=[{"by": "link", "limit": 5}],
    )
    rate: RateConfig | None = Field(default=None, description="How often the host may be asked.")
    redirects: int = Field(
        default=5, ge=0, le=20, description="Redirects that are followed; 0: none, they are the answer."
    )
    timeout_s: float = Field(default=30.0, gt=0, le=86_400, description="Seconds for each answer, its body included.")
    max_bytes: int | None = Field(
        default=None, gt=0, description="The largest answer; the policy's limit holds as well."
    )
    idempotency_key: bool = Field(
        default=False, description="Send an Idempotency-Key that is the same at each attempt of this step."
    )
    ca_file: str | None = Field(default=None, description="Certificates to believe besides the usual ones (PEM).")
    stream: bool = Field(default=False, description="Publish the text of the answer while it comes.")


async def _run(config: ApiConfig, ctx: Context) -> Any:
    from codefactory.pipelines.http.step import send

    return await send(config, ctx)


def _problems(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    bodies = [key for key in ("json", "text", "file", "form") if settings.get(key) is not None]
    if len(bodies) > 1:
        yield bodies[1], f"a request has one body: give `{bodies[0]}` or `{bodies[1]}`, not both"
    elif settings.get("files") and bodies not in ([], ["form"]):
        yield "files", f"files are parts of a form: they do not go with `{bodies[0]}`"
    if settings.get("save_to") is not None and settings.get("pages") is not None:
        yield "save_to", "pages are not saved to a file: take the items from `body`"
    for key in ("auth", "pages"):
        if isinstance(settings.get(key), dict):
            yield from _wrong(key, settings[key])


def _wrong(key: str, value: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Only what no expression can put right."""
    known = {"auth": ("bearer", "basic", "key", "oauth2"), "pages": ("link", "cursor", "page")}[key]
    kind = value.get("type" if key == "auth" else "by")
    if not isinstance(kind, str) or (kind not in known and "{{" not in kind):
        yield key, f"`{'type' if key == 'auth' else 'by'}` must be one of {', '.join(known)}"


def _effects(settings: dict[str, Any]) -> frozenset[Effect]:
    effects: set[Effect] = {"network"}
    if settings.get("file") is not None or settings.get("files") or settings.get("ca_file") is not None:
        effects.add("reads")
    if settings.get("save_to") is not None:
        effects.add("writes")
    return frozenset(effects)


API = StepType(
    "api",
    ApiConfig,
    _run,
    "Send a request over HTTP.",
    effects=frozenset(("network", "reads", "writes")),
    effects_of=_effects,
    output_type=dict,
    problems=_problems,
    example="type: api\nwith:\n  url: https://api.example.com/x\n  auth: {type: bearer, token: 'secret:api_token'}\n",
)
