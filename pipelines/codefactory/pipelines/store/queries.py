"""What is asked of the database. Each function takes a connection first."""

from __future__ import annotations

import hmac
import json
import statistics
from dataclasses import dataclass, field
from time import time
from typing import TYPE_CHECKING, Any

from codefactory.pipelines.engine.errors import NotAllowedError, ResumeError
from codefactory.pipelines.engine.journal import Answer
from codefactory.pipelines.engine.values import decode, encode
from codefactory.pipelines.principal import owner_name

from .journal import APPROVAL, StepRecord
from .nonces import proof_of
from .owner import Owner

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from codefactory.pipelines.engine.plan import Plan

    from .journal import SqliteJournal
    from .nonces import Nonces


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run as the store has it."""

    n: int
    id: str
    pipeline: str
    version: str
    inputs: dict[str, Any]
    status: str
    error: str | None
    outputs: Any
    spent: dict[str, float]
    parent: str | None
    created_at: float
    updated_at: float
    duration_s: float | None
    owner: Owner | None = field(compare=False)
    policy: str | None = None
    """As JSON; None: its steps could touch nothing."""
    principal: str | None = None
    """As JSON; None: the local user's."""

    @property
    def owner_name(self) -> str:
        """Whose run it is."""
        return owner_name(self.principal)

    @property
    def interrupted(self) -> bool:
        """Whether the process that ran it is gone."""
        return self.status == "running" and (self.owner is None or not self.owner.alive)


_RUN = (
    "select run.n, run.id, pipeline, version, inputs, status, error, outputs, spent, parent, created_at, updated_at, "
    "duration_s, worker.id, worker.pid, worker.host, worker.born, worker.beat, policy, principal "
    "from run left join worker on worker.id = run.worker "
)


def _kept(row: tuple[Any, ...]) -> KeptRun:
    n, run_id, pipeline, version, inputs, status, error, outputs, spent, parent, created, updated, duration = row[:13]
    return KeptRun(
        n,
        run_id,
        pipeline,
        version,
        decode(inputs),
        status,
        error,
        None if outputs is None else decode(outputs),
        {} if spent is None else json.loads(spent),
        parent,
        created,
        updated,
        duration,
        None if row[13] is None else Owner(*row[13:18]),
        row[18],
        row[19],
    )


def find_run(connection: sqlite3.Connection, run_id: str) -> KeptRun:
    """By id or the beginning of one. Raises ResumeError if there is none, or several."""
    rows = connection.execute(f"{_RUN} where run.id = ?", (run_id,)).fetchall()
    if not rows:
        rows = connection.execute(f"{_RUN} where substr(run.id, 1, ?) = ? limit 2", (len(run_id), run_id)).fetchall()
    if len(rows) != 1:
        hint = "several runs begin so; give more of the id" if rows else "see `codefactory runs list`"
        raise ResumeError(f"no run `{run_id}`: {hint}")
    return _kept(rows[0])


def list_runs(
    connection: sqlite3.Connection, *, pipeline: str | None = None, status: str | None = None, limit: int = 50
) -> list[KeptRun]:
    """The newest first."""
    rows = connection.execute(
        f"{_RUN} where (?1 is null or pipeline = ?1) and (?2 is null or status = ?2) order by run.n desc limit ?3",
        (pipeline, status, limit),
    )
    return [_kept(row) for row in rows]


def plan_source(connection: sqlite3.Connection, version: str) -> str | None:
    row = connection.execute("select source from plan where version = ?", (version,)).fetchone()
    return None if row is None else row[0]


def expected_s(connection: sqlite3.Connection, pipeline: str, version: str) -> float | None:
    sql = "select duration_s from run where pipeline=? and version=? and status='succeeded' order by n desc limit 20"
    found = [row[0] for row in connection.execute(sql, (pipeline, version)) if row[0] is not None]
    return statistics.median(found) if found else None


def load_into(journal: SqliteJournal, connection: sqlite3.Connection) -> None:
    """Give a journal everything that its run has finished so far. Of several rows for a step, the last counts."""
    n = journal.key.n
    records: dict[str, StepRecord] = {}
    for path, skipped, output, file, writes in connection.execute(
        "select path, skipped, output, file, writes from step where run=? order by seq", (n,)
    ):
        written: list[tuple[str, Any]] = [(c, v) for c, v in json.loads(writes)] if writes else []
        records[path] = StepRecord(skipped is not None, output, file, written, journal.store.blobs)
    journal.restored = records
    journal.receipts = {
        (path, key): value
        for path, key, value in connection.execute("select path, key, value from receipt where run=?", (n,))
    }
    intended = {row[0] for row in connection.execute("select path from intent where run=?", (n,))}
    journal.intents = intended - set(records)
    journal.spent = spent_so_far(connection, n)
    journal.last_seq = last_seq(connection, n)


def spent_so_far(connection: sqlite3.Connection, n: int) -> dict[str, float]:
    """What a run has recorded as spent, also one that a crash kept from adding it up."""
    found: dict[str, float] = {}
    sql = "select data from event where run=? and data like '%\"cost_recorded\"%'"
    for (data,) in connection.execute(sql, (n,)):
        event = json.loads(data)
        for name, amount in event["amounts"].items() if event["kind"] == "cost_recorded" else ():
            found[name] = found.get(name, 0.0) + amount
    return found


def last_seq(connection: sqlite3.Connection, n: int) -> int:
    row = connection.execute(
        "select max(coalesce((select max(seq) from step where run=?1), 0), "
        "coalesce((select max(seq) from event where run=?1), 0))",
        (n,),
    ).fetchone()
    return int(row[0])


def dropped_by(plan: Plan, at: str | None, edit: Mapping[str, Any]) -> set[str]:
    """The steps that run again when a run is forked: all that come after `at` or after an edited one.

    Raises ResumeError for a name that is no step of the pipeline.
    """
    dropped: set[int] = set()
    for name in [*([at] if at is not None else []), *edit]:
        if name not in plan.index:
            from codefactory.pipelines.engine.assembly import did_you_mean

            raise ResumeError(f"`{name}` is no step of `{plan.name}`{did_you_mean(name, list(plan.index))}")
        queue = list(plan.steps[plan.index[name]].successors)
        while queue:
            index = queue.pop()
            if index not in dropped:
                dropped.add(index)
                queue += plan.steps[index].successors
    return {plan.steps[i].name for i in dropped} - set(edit)


def copy_steps(
    connection: sqlite3.Connection, old: int, new: int, dropped: set[str], edited: Mapping[str, bytes], known: set[str]
) -> None:
    """Copy the rows of steps that are not dropped and are still in the plan; edited ones get their new output."""
    for row in connection.execute("select * from step where run=? order by seq", (old,)).fetchall():
        path: str = row[1]
        top = path.split("/")[0].split("[")[0]
        if top in dropped or top in edited or top not in known:
            continue
        connection.execute("insert into step values (?,?,?,?,?,?,?,?,?,?,?,?,?)", (new, *row[1:]))
    now = time()
    start = last_seq(connection, new)
    for number, (name, value) in enumerate(edited.items(), start + 1):
        row = (new, name, None, value, None, None, now, now, None, number, 1, False, "edited")
        connection.execute("insert into step values (?,?,?,?,?,?,?,?,?,?,?,?,?)", row)
    kept = {row[0] for row in connection.execute("select path from step where run=?", (new,))}
    for path, key, value in connection.execute("select path, key, value from receipt where run=?", (old,)).fetchall():
        if path in kept:
            connection.execute("insert into receipt values (?,?,?,?)", (new, path, key, value))


def prove_again(connection: sqlite3.Connection, kept: KeptRun, n: int, run_id: str, nonces: Nonces) -> None:
    """Approvals that a fork takes over are proved for the new run, if they were for the old one."""
    rows = connection.execute(
        "select step.path, step.output, receipt.value from step join receipt on receipt.run = step.run "
        "and receipt.path = step.path and receipt.key = ? where step.run = ? and step.output is not null",
        (APPROVAL, n),
    ).fetchall()
    for path, output, proof in rows:
        if nonces.signed(kept.id, path, output, decode(proof)):
            fresh = encode(nonces.sign(run_id, path, output), path)
            connection.execute(
                "update receipt set value=? where run=? and path=? and key=?", (fresh, n, path, APPROVAL)
            )


def id_of(connection: sqlite3.Connection, n: int) -> str:
    return connection.execute("select id from run where n=?", (n,)).fetchone()[0]


def answer(connection: sqlite3.Connection, n: int, path: str, question: str, nonces: Nonces) -> Answer | None:
    row = connection.execute(
        "select choice, who, answered_at, proof from question "
        "where run=? and path=? and question=? and choice is not null",
        (n, path, question),
    ).fetchone()
    if row is None:
        return None
    choice, who, at, proof = row
    run_id = id_of(connection, n)
    nonce = nonces.find(run_id, path, question)
    facts = (run_id, path, question, choice, who, at)
    genuine = nonce is not None and hmac.compare_digest(proof_of(nonce, *facts), str(proof))
    return Answer(str(choice), str(who), float(at) if isinstance(at, (int, float)) else 0.0, genuine)


def forget_answer(connection: sqlite3.Connection, n: int, path: str) -> None:
    connection.execute(
        "update question set choice=null, who=null, answered_at=null, proof=null where run=? and path=?", (n, path)
    )


def asked_at(connection: sqlite3.Connection, n: int, path: str, question: str) -> float | None:
    row = connection.execute(
        "select asked_at from question where run=? and path=? and question=?", (n, path, question)
    ).fetchone()
    return None if row is None else row[0]


def open_questions(connection: sqlite3.Connection, n: int) -> list[tuple[str, str]]:
    """Step path and question with its choices, one a line."""
    return connection.execute("select path, question from question where run=? and choice is null", (n,)).fetchall()


def put_answer(
    connection: sqlite3.Connection, kept: KeptRun, step: str | None, choice: str, who: str, nonces: Nonces
) -> str:
    """The path of the step that asked. Raises ResumeError if nothing is asked, not with this choice or no longer;
    NotAllowedError if others were asked."""
    asked = [(p, q) for p, q in open_questions(connection, kept.n) if step in (None, p)]
    if len(asked) != 1:
        what = f"{len(asked)} questions; name the step" if asked else "no open question"
        raise ResumeError(f"run {kept.id} has {what}{'' if step is None else f' of step `{step}`'}")
    path, question = asked[0]
    choices = question.split("\n")[1:]
    if choice not in choices:
        raise ResumeError(f"`{choice}` is none of the choices: {', '.join(choices)}")
    allowed, deadline = connection.execute(
        "select allowed, deadline from question where run=? and path=?", (kept.n, path)
    ).fetchone()
    if allowed is not None and (names := json.loads(allowed)) and who not in names:
        raise NotAllowedError(f"{who} may not answer this; {', '.join(names)} may")
    now = time()
    if deadline is not None and now > deadline:
        raise ResumeError(f"the time to answer `{path}` is over; resume the run: it goes on without an answer")
    nonce = nonces.find(kept.id, path, question)
    if nonce is None:
        raise ResumeError(
            f"the question of `{path}` was not put on this machine by you; resume run {kept.id}: then it is put again"
        )
    proof = proof_of(nonce, kept.id, path, question, choice, who, now)
    connection.execute(
        "update question set choice=?, who=?, answered_at=?, proof=? where run=? and path=?",
        (choice, who, now, proof, kept.n, path),
    )
    return path


def shrink_cache(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Drop the results that were kept longest ago until the rest fits."""
    total = connection.execute("select coalesce(sum(size), 0) from result").fetchone()[0]
    while total > max_bytes:
        row = connection.execute("select key, size from result order by used_at limit 1").fetchone()
        connection.execute("delete from result where key=?", (row[0],))
        total -= row[1]
