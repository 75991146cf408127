"""How a request says who sends it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote, urlencode
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict, Field

from codefactory.pipelines.engine.errors import StepError

from .client import Sending, parse_url
from .decoding import pieces
from .failures import of_status, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from .client import Client

_EARLY_S = 30.0
"""A token is fetched anew so long before its end."""
_TOKEN_BYTES = 100_000
_DEFAULT_LIFE_S = 300.0


class _Auth(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bearer(_Auth):
    """A token, sent as it is."""

    type: Literal["bearer"]
    token: str = Field(description="The token; `secret:NAME`.")


class Basic(_Auth):
    """A user and a password."""

    type: Literal["basic"]
    username: str = Field(description="The user.")
    password: str = Field(description="The password; `secret:NAME`.")


class Key(_Auth):
    """An API key, in a header or in the query."""

    type: Literal["key"]
    key: str = Field(description="The key; `secret:NAME`.")
    name: str = Field(default="X-API-Key", description="Name of the header or of the query's parameter.")
    in_: Literal["header", "query"] = Field(default="header", alias="in", description="Where it is sent.")


class ClientCredentials(_Auth):
    """OAuth2 client credentials: a token is fetched, kept while it is valid, and fetched anew when refused."""

    type: Literal["oauth2"]
    token_url: str = Field(description="Where tokens are had.")
    client_id: str = Field(description="Who asks.")
    client_secret: str = Field(description="Its secret; `secret:NAME`.")
    scope: str | None = Field(default=None, description="What is asked for.")
    audience: str | None = Field(default=None, description="For whom.")
    style: Literal["basic", "body"] = Field(default="basic", description="How the secret is sent.")


Auth = Annotated[Bearer | Basic | Key | ClientCredentials, Field(discriminator="type")]


@dataclass(slots=True)
class _Token:
    value: str
    until: float


_Tokens = dict[str, _Token]
_kept: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[_Tokens, dict[str, asyncio.Lock]]] = WeakKeyDictionary()


class Credentials:
    """Of one step. `hide` is told each secret that is made here, before it is used."""

    def __init__(self, auth: Auth | None, hide: Callable[[str, str], None]) -> None:
        self._auth = auth
        self._hide = hide

    @property
    def renewable(self) -> bool:
        return isinstance(self._auth, ClientCredentials)

    async def headers(self, client: Client, *, anew: bool = False) -> dict[str, str]:
        """`anew`: the token that is kept was refused."""
        match self._auth:
            case Bearer(token=token):
                return self._authorization(f"Bearer {token}")
            case Basic(username=username, password=password):
                return self._authorization(f"Basic {_basic(username, password)}")
            case Key(name=name, key=key, in_="header"):
                return {name: key}
            case ClientCredentials():
                return self._authorization(f"Bearer {await self._token(self._auth, client, anew=anew)}")
            case _:
                return {}

    @property
    def query(self) -> dict[str, str]:
        return {self._auth.name: self._auth.key} if isinstance(self._auth, Key) and self._auth.in_ == "query" else {}

    def _authorization(self, value: str) -> dict[str, str]:
        self._hide("authorization", value.partition(" ")[2])
        return {"Authorization": value}

    async def _token(self, auth: ClientCredentials, client: Client, *, anew: bool) -> str:
        tokens, locks = _kept.setdefault(asyncio.get_running_loop(), ({}, {}))
        key = hashlib.sha256(auth.model_dump_json().encode()).hexdigest()
        before = tokens.get(key)
        async with locks.setdefault(key, asyncio.Lock()):
            token = tokens.get(key)
            refused = anew and token is before
            if token is None or refused or monotonic() > token.until:
                token = tokens[key] = await self._fetched(auth, client)
            return token.value

    async def _fetched(self, auth: ClientCredentials, client: Client) -> _Token:
        url = parse_url(auth.token_url)
        form = {"grant_type": "client_credentials", "scope": auth.scope, "audience": auth.audience}
        headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
        if auth.style == "basic":
            basic = _basic(quote(auth.client_id, safe=""), quote(auth.client_secret, safe=""))
            headers |= self._authorization(f"Basic {basic}")
        else:
            form |= {"client_id": auth.client_id, "client_secret": auth.client_secret}
        content = urlencode({k: v for k, v in form.items() if v is not None}).encode()
        async with client.exchange(
            Sending("POST", url, headers, lambda: {"content": content}, has_body=True)
        ) as answer:
            data = b"".join([piece async for piece in pieces(answer, _TOKEN_BYTES)])
        if answer.status_code != 200:
            # Its body may repeat what was sent.
            raise of_status("POST", url, answer.status_code, answer.headers, "")
        try:
            told: dict[str, Any] = json.loads(data)
            value, life_s = told["access_token"], told.get("expires_in")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise StepError(f"POST {shown(url)} gave no `access_token`", "invalid_output") from None
        if not isinstance(value, str) or not value or any(ord(c) <= 32 or ord(c) > 126 for c in value):
            raise StepError(f"POST {shown(url)} gave an `access_token` that is no token", "invalid_output")
        self._hide("access_token", value)
        life_s = float(life_s) if isinstance(life_s, (int, float)) else _DEFAULT_LIFE_S
        return _Token(value, monotonic() + max(0.0, life_s - _EARLY_S))


def _basic(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()
