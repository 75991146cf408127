"""What can go wrong with the store."""

from codefactory.pipelines.engine.errors import EngineError


class StoreError(EngineError):
    """The store cannot be opened, read or written. The message names the file and what to do."""
