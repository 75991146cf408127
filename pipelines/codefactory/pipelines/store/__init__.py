"""Where runs are kept: one SQLite database, large results as files beside it.

with Store(Path(".codefactory")) as store:
    result = await Engine(store).run(plan, inputs)

sqlite.py     Store: begin, reopen, fork, answer, cache     journal.py  what one run tells the store
writer.py     the thread that commits, in groups            queries.py  what is asked of the database
database.py   schema, migrations, damaged files             blobs.py    large results by content
retention.py  prune, vacuum, backup, restore, check         replay.py   events and summary of a kept run
owner.py      which process executes a run                  errors.py   what can go wrong
serial.py     small databases that programs share
"""

from .errors import StoreError
from .queries import KeptRun
from .sqlite import Store

__all__ = ["KeptRun", "Store", "StoreError"]
