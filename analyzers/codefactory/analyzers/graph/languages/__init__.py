"""The languages that have a graph. A new one is a module here and a line below."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING

from .ecmascript import ECMASCRIPT
from .go import GO
from .java import JAVA
from .python import PYTHON
from .rust import RUST

if TYPE_CHECKING:
    from codefactory.analyzers.graph.rules import LanguageRules

LANGUAGES: tuple[LanguageRules, ...] = (PYTHON, ECMASCRIPT, GO, JAVA, RUST)

_BY_EXTENSION = {extension: rules for rules in LANGUAGES for extension in rules.extensions}
_CONFIGURATION = re.compile("|".join(translate(pattern) for rules in LANGUAGES for pattern in rules.configurations))


def rules_for(path: str) -> LanguageRules | None:
    """By the file name's extension; None for a file that cannot be in the graph."""
    return _BY_EXTENSION.get(path[path.rfind(".") :].lower())


def is_configuration(path: str) -> bool:
    """Whether the file says how some language's imports are resolved."""
    return _CONFIGURATION.match(path, path.rfind("/") + 1) is not None
