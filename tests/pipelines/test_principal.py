"""Who may do what, at the engine's door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from codefactory.pipelines.engine import Context, Engine, Graph, NotAllowedError, StepError
from codefactory.pipelines.principal import ROLES, Principal, local_principal
from codefactory.pipelines.store import Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("action", "own", "others"),
    [
        ("start", "runner", "runner"),
        ("answer", "runner", "runner"),
        ("resume", "runner", "author"),
        ("cancel", "runner", "author"),
        ("fork", "author", "author"),
        ("edit", "author", "author"),
    ],
)
def test_roles(action: str, own: str, others: str) -> None:
    for role in ROLES:
        who = Principal("ada", role)
        assert (who.refuse(action, "ada") is None) == (ROLES.index(role) >= ROLES.index(own))  # type: ignore[arg-type]
        assert (who.refuse(action, "bob") is None) == (ROLES.index(role) >= ROLES.index(others))  # type: ignore[arg-type]


def test_a_refusal_names_who_what_and_the_role() -> None:
    assert Principal("ada", "runner").refuse("cancel", "bob") == (
        "ada has the role runner and may not cancel a run of bob: that takes the role author"
    )


def test_the_local_user_is_admin_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    before = local_principal().name
    local_principal.cache_clear()
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert local_principal() == Principal(before, "admin")


async def fail(ctx: Context) -> str:
    if ctx.read("go") is None:
        raise StepError("not yet")
    return "x"


PLAN = Graph("g").add_channel("go").add_node("a", fail).compile()


async def test_a_run_has_an_owner(tmp_path: Path) -> None:
    ada, bob, viewer = Principal("ada", "runner"), Principal("bob", "runner"), Principal("eve", "viewer")
    with Store(tmp_path / "s") as store:
        engine = Engine(store)
        with pytest.raises(NotAllowedError, match="eve has the role viewer and may not start"):
            await engine.run(PLAN, principal=viewer)
        first = await engine.run(PLAN, principal=ada)
        assert (await store.find_run(first.run_id)).owner_name == "ada"
        with pytest.raises(NotAllowedError, match="bob has the role runner and may not resume a run of ada"):
            await engine.resume(first.run_id, PLAN, principal=bob)
        with pytest.raises(NotAllowedError, match="may not edit"):
            await engine.fork(first.run_id, plan=PLAN, edit={"a": "x"}, principal=ada)
        assert (await engine.resume(first.run_id, PLAN, principal=ada)).status == "failed"
        author = Principal("cyd", "author")
        assert (await engine.fork(first.run_id, plan=PLAN, edit={"a": "x"}, principal=author)).status == "succeeded"


async def test_the_engines_principal_counts_where_none_is_given() -> None:
    with pytest.raises(NotAllowedError, match="eve has the role viewer"):
        await Engine(principal=Principal("eve", "viewer")).run(PLAN)
