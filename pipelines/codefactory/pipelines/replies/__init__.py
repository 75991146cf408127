"""What a model answers: parsed tolerantly, applied exactly."""

from .application import apply_reply
from .parser import parse_reply
from .reply import Applied, Block, NotApplied, Reply

__all__ = ["Applied", "Block", "NotApplied", "Reply", "apply_reply", "parse_reply"]
