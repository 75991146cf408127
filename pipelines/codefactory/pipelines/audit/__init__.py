"""The audit log: what runs did to the world, who approved what, what was trusted. Append-only, each record chained to
the one before it.

record.py        Record, its code, the key          log.py   AuditLog: the writer
verification.py  verify(): the first broken record  place.py where the log, its key and its head are
"""

from .log import AuditLog
from .place import Place
from .record import Record
from .verification import Broken, read, verify

__all__ = ["AuditLog", "Broken", "Place", "Record", "read", "verify"]
