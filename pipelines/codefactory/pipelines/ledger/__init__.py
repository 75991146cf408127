"""What models were paid, kept in the user's data folder and shared by all programs of the user.

A call is entered before it is sent, at the most it may cost, in the transaction that checks the limits: two processes
cannot overspend together. What was really used then takes the place of that. A call whose program died stays entered
at the most, and reports say so.

database.py  the tables                      store.py    LedgerStore: one thread that writes
account.py   Account: one run's view of it   report.py   sums by day, model, workspace, run
trials.py    what the gate said of whose replies             accounted.py  a model that enters its calls itself
"""

from .account import Account, Limits
from .accounted import AccountedModel
from .store import LedgerStore, default_store

__all__ = ["Account", "AccountedModel", "LedgerStore", "Limits", "default_store"]
