"""Secrets by reference: a pipeline has `secret:NAME`, the user's config.toml says where NAME is.

sources.py    SecretSource: environment, keyring, command, file       references.py   `secret:NAME` in settings
vault.py      Secrets: names → values, when a step asks               masker.py       Masker: no value in what is shown
journal.py    MaskedJournal: none in what is kept                     errors.py       none in exceptions
"""

from .masker import Masker
from .sources import SecretError, SecretSource
from .vault import Secrets

__all__ = ["Masker", "SecretError", "SecretSource", "Secrets"]
