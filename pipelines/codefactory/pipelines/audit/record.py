"""`Record`: a line of the log. Its code is a MAC over itself and the code of the record before it."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, cast

GENESIS = "0" * 64
"""What stands for the code of the record before the first."""


@dataclass(frozen=True, slots=True)
class Record:
    n: int
    """1, 2, … without gaps, over all files of the log."""
    at: float
    """Seconds since the epoch."""
    kind: str
    facts: dict[str, Any]
    before: str
    """The code of the record before it."""
    code: str

    def line(self) -> bytes:
        said = {"n": self.n, "at": self.at, "kind": self.kind, "facts": self.facts}
        text = json.dumps({**said, "before": self.before, "code": self.code}, separators=(",", ":"), ensure_ascii=True)
        return text.encode("ascii") + b"\n"


def make(key: bytes, n: int, at: float, kind: str, facts: dict[str, Any], before: str) -> Record:
    # Through JSON and back, so that the code is over what will be read.
    facts = json.loads(json.dumps(facts, default=str))
    return Record(n, at, kind, facts, before, code_of(key, n, at, kind, facts, before))


def code_of(key: bytes, n: int, at: float, kind: str, facts: dict[str, Any], before: str) -> str:
    said = json.dumps([n, at, kind, facts, before], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.new(key, said.encode("ascii"), hashlib.sha256).hexdigest()


def parse(line: bytes) -> Record:
    """Raises ValueError for what is no record."""
    data: Any = json.loads(line)
    try:
        facts = data["facts"]
        if not isinstance(facts, dict) or type(data["n"]) is not int:
            raise ValueError("not a record")
        found = cast("dict[str, Any]", facts)
        return Record(data["n"], data["at"], str(data["kind"]), found, str(data["before"]), str(data["code"]))
    except (KeyError, TypeError) as error:
        raise ValueError("not a record") from error
