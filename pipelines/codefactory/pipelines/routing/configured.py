"""From settings to the model of a role, and to the account that it is paid from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from codefactory.pipelines.ledger import Account, Limits, default_store
from codefactory.pipelines.models import ModelError
from codefactory.pipelines.models.configured import EDITOR, NAMED, Choice, known_model
from codefactory.pipelines.models.connect import FILES
from codefactory.pipelines.models.prices import SUBSCRIPTION, own_price
from codefactory.pipelines.settings import RouteSettings

from .endpoint import shared_endpoints
from .reply_cache import default_cache
from .routed_model import Candidate, RoutedModel

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from codefactory.pipelines.ledger import LedgerStore
    from codefactory.pipelines.models import Chunk, Message, Model, Options, Price, Role
    from codefactory.pipelines.settings import ModelSettings, RouteEntry, Settings

    from .endpoint import Endpoints


def route(
    settings: Settings,
    role: Role,
    *,
    default: Model | None,
    run: str,
    editor: Callable[[str], Model] | None = None,
    usable: Callable[[ModelSettings], bool] = lambda _: True,
    store: LedgerStore | None = None,
    endpoints: Endpoints | None = None,
) -> RoutedModel | None:
    """The model for a role: of `model.routes`, else `default`.

    `run`: identifies the run; a model that is drawn stays the same for it. `editor` makes a model of the editor's by
    its name; None: there is no editor. The route goes without models that are not `usable`; one that cannot be stays in
    it, and says why when it is asked. `store`: the ledger; by default the user's.

    None when there is no model at all. Nothing is sent, and no backend imported.
    """
    chosen = settings.model.routes.get(role)
    made: list[tuple[RouteEntry, ModelSettings, Model]] = []
    if chosen is None:
        if default is None:
            return None
        chosen = RouteSettings.model_validate({"models": [default.name]})
        made.append((chosen.models[0], settings.model, default))
    else:
        for entry in chosen.models:
            own = _entry_settings(settings.model, entry)
            if usable(own):
                made.append((entry, own, _made(settings, own, editor)))
        if not made:
            return None
        chosen = chosen.model_copy(update={"models": tuple(entry for entry, _, _ in made)})
    places = endpoints or shared_endpoints()
    candidates = [_candidate(settings, entry, own, model, places) for entry, own, model in made]
    return RoutedModel(role, chosen, candidates, run=run, store=store or default_store())


def routed_choice(settings: Settings, role: Role = "improve") -> Choice:
    """The first model of a role's route, for people. Raises KeyError where there is none."""
    own = _entry_settings(settings.model, settings.model.routes[role].models[0])
    return Choice(_made(settings, own, None), NAMED)


def account(settings: Settings, workspace: str, run: str, store: LedgerStore | None = None) -> Account:
    """With the limits of the settings. `workspace`: its root folder. `run`: named in `codefactory cost --by run`."""
    return Account(store or default_store(), workspace, run, Limits.of(settings.budget))


def _made(settings: Settings, own: ModelSettings, editor: Callable[[str], Model] | None) -> Model:
    name = own.name or ""
    try:
        choice = known_model(settings.model_copy(update={"model": own}), editor=editor)
    except ModelError as error:
        return _UnusableModel(name, error)
    if choice.model is None:
        reason = "there is no editor here" if name.partition("/")[0] == EDITOR else choice.why
        return _UnusableModel(name, ModelError("fatal", f"{name}: {reason}. See codefactory.model.routes."))
    return choice.model


class _UnusableModel:
    """A model that cannot be: it says why, when it is asked."""

    def __init__(self, name: str, error: ModelError) -> None:
        self.name = name
        self._error = error

    async def price(self) -> Price | None:
        return None

    async def complete(
        self, messages: Sequence[Message], *, max_output_tokens: int, **options: Unpack[Options]
    ) -> AsyncGenerator[Chunk]:
        del messages, max_output_tokens, options
        raise self._error
        yield  # for a generator, as the protocol has it


def _entry_settings(base: ModelSettings, entry: RouteEntry) -> ModelSettings:
    """The settings of one model of a route. Address and key of `base` are for models of the same provider: they are
    never sent to another one."""
    same = base.name is not None and entry.name.partition("/")[0] == base.name.partition("/")[0]
    changed = {
        "name": entry.name,
        "api_base": entry.api_base or (base.api_base if same else None),
        "api_key_env": entry.api_key_env or (base.api_key_env if same else None),
        "api_key": base.api_key if same and entry.api_base is None and entry.api_key_env is None else None,
        "headers": base.headers if same and entry.api_base is None else {},
        "routes": {},
    }
    return base.model_copy(update=changed)


def _candidate(
    settings: Settings, entry: RouteEntry, own: ModelSettings, model: Model, endpoints: Endpoints
) -> Candidate:
    cache, provider = settings.cache, model.name.partition("/")[0]
    kept = (
        cache.replies
        and provider not in FILES
        and own.record is None
        and (cache.editor or provider not in SUBSCRIPTION)
    )
    return Candidate(
        model,
        endpoints.of(model.name, own.api_base, settings.model.limits),
        entry.max_input_tokens,
        own_price(model.name, settings.prices.models),
        default_cache(int(cache.max_mb * 1e6)) if kept else None,
        own.api_base or "",
    )
