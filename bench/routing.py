"""What routes, the ledger and the cache cost a call: `python bench/routing.py [CALLS]`.

The same scripted server on loopback answers a bare model, `complete()` with that model, and `complete()` through a
route with the ledger and with the cache of replies. A call has 20 chunks. "stall" is the longest time in which the
event loop ran nothing else.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from scripted_server import Reply, ScriptedServer

from codefactory.pipelines.budget import Budget, Spending
from codefactory.pipelines.completion import complete
from codefactory.pipelines.ledger import Account, LedgerStore, Limits
from codefactory.pipelines.models import Message, Price
from codefactory.pipelines.models.openai_compatible import OpenAICompatibleModel
from codefactory.pipelines.routing.endpoint import Endpoints
from codefactory.pipelines.routing.reply_cache import ReplyCache
from codefactory.pipelines.routing.routed_model import Candidate, RoutedModel
from codefactory.pipelines.settings import LimitSettings, RouteSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ASK = (Message("system", "x" * 3000), Message("user", "y" * 3000))
LIMITS = (LimitSettings(endpoint="openai", requests_per_minute=1e6, tokens_per_minute=1e9),)
DAY = Limits(usd_per_day=1e6, usd_per_workspace=1e6)


async def measure(name: str, call: Callable[[int], Awaitable[object]], calls: int, base_ms: float | None) -> float:
    stalls: list[float] = []

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            stalls.append(time.perf_counter() - before - 0.001)

    await call(-1)
    watching = asyncio.ensure_future(watch())
    took: list[float] = []
    for number in range(calls):
        started = time.perf_counter()
        await call(number)
        took.append((time.perf_counter() - started) * 1000)
    watching.cancel()
    median = statistics.median(took)
    over = "" if base_ms is None else f"{median - base_ms:+8.2f}"
    print(f"{name:<36}{median:9.2f}{statistics.quantiles(took, n=20)[-1]:9.2f}{over:>10}{max(stalls) * 1000:9.1f}")
    return median


async def main(calls: int) -> None:
    print(f"{'ms a call (' + str(calls) + ' calls)':<36}{'median':>9}{'p95':>9}{'over bare':>10}{'stall':>9}")
    with ScriptedServer([Reply("word " * 64, times=None)]) as server, tempfile.TemporaryDirectory() as folder:
        model = OpenAICompatibleModel("openai/x", base_url=server.url, price=Price(1e-9, 1e-9))
        store = LedgerStore(Path(folder) / "ledger.db")
        cache = ReplyCache(Path(folder) / "replies.db", 10**8)
        endpoint = Endpoints().of("openai/x", None, LIMITS)
        route = RouteSettings.model_validate({"models": ["openai/x"]})

        async def bare(_: int) -> None:
            async for _chunk in model.complete(ASK, max_output_tokens=500):
                pass

        async def plain(_: int) -> None:
            await complete(model, ASK, Spending(Budget(max_usd=None)), role="code", max_output_tokens=500)

        def routed(cache: ReplyCache | None, limits: Limits) -> Callable[[int], Awaitable[object]]:
            async def call(_: int) -> None:
                candidate = Candidate(model, endpoint, cache=cache)
                asked = RoutedModel("code", route, [candidate], run="r", store=store)
                spending = Spending(Budget(max_usd=None), account=Account(store, "/w", "r", limits))
                await complete(asked, ASK, spending, role="code", max_output_tokens=500)

            return call

        base = await measure("bare model", bare, calls, None)
        await measure("complete()", plain, calls, base)
        await measure("route + ledger", routed(None, Limits()), calls, base)
        await measure("route + ledger with limits", routed(None, DAY), calls, base)
        await measure("a kept reply", routed(cache, DAY), calls, base)
        store.close()
        cache.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
