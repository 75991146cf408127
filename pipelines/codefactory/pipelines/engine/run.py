"""`Run`: one execution of a plan, shared by all its scopes; `Feed`: its events, on their way to a listener."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from functools import cached_property
from time import time
from typing import TYPE_CHECKING, Any

from .door import inside
from .errors import NotAllowedError, RunCancelledError, RunError
from .events import Event, LogWritten, OutputDelta, StateChanged
from .journal import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from codefactory.analyzers import Cancellation
    from codefactory.pipelines.policy import AccessPolicy
    from codefactory.pipelines.principal import Principal
    from codefactory.pipelines.secrets.masker import MaskedStream, Masker

    from .budget import Spending
    from .engine import Engine
    from .events import Status
    from .journal import Journal, Record
    from .plan import Plan
    from .slots import Slots

NOT_KEPT = (OutputDelta, StateChanged)
"""Events that the store does not keep: outputs and writes say the same."""


@dataclass(slots=True)
class RunResult:
    """How a run ended. `outputs` are the plan's outputs by name; `state` its channels."""

    run_id: str
    status: Status
    outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    state: dict[str, Any] = field(default_factory=dict[str, Any])
    error: RunError | None = None
    duration_s: float = 0.0
    spent: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def output(self) -> Any:
        """The one output of a pipeline that has one."""
        if len(self.outputs) != 1:
            raise ValueError(f"the run has {len(self.outputs)} outputs ({', '.join(self.outputs)}); use `.outputs`")
        return next(iter(self.outputs.values()))

    def unwrap(self) -> dict[str, Any]:
        """The outputs. Raises the run's error if it did not succeed."""
        if self.status == "succeeded":
            return self.outputs
        raise self.error or RunCancelledError(f"run {self.run_id} is {self.status}")


@dataclass(frozen=True, slots=True)
class Question:
    """What a step asks: its text with the choices, a line each; who may answer, and until when."""

    text: str
    who: tuple[str, ...]
    deadline: float | None

    def complaint(self, answer: Answer) -> str | None:
        """Why an answer does not count. None: it does."""
        choices = self.text.split("\n")[1:]
        if not answer.genuine:
            return f"the answer `{answer.choice}` did not come from a person: it was put into the store"
        if answer.choice not in choices:
            return f"`{answer.choice}` is none of the choices: {', '.join(choices)}"
        if self.who and answer.who not in self.who:
            return f"{answer.who} may not answer this; {', '.join(self.who)} may"
        if self.deadline is not None and answer.at > self.deadline:
            return f"the answer of {answer.who} came after the deadline"
        return None


class Feed:
    """Events for one listener, at most `limit` unread: then steps wait before they go on."""

    def __init__(self, limit: int = 1000) -> None:
        self.limit = limit
        self._events: deque[Event | None] = deque()
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def congested(self) -> bool:
        return len(self._events) >= self.limit

    def put(self, event: Event | None) -> None:
        """None ends the stream."""
        self._events.append(event)
        self._some.set()
        if len(self._events) >= self.limit:
            self._room.clear()

    async def get(self) -> Event | None:
        while not self._events:
            self._some.clear()
            await self._some.wait()
        event = self._events.popleft()
        if len(self._events) <= self.limit // 2:
            self._room.set()
        return event

    async def drained(self) -> None:
        await self._room.wait()


class Run:
    """The live run. `quiet` allows the scheduler's short cut: nobody listens, nothing is kept, nothing is limited."""

    def __init__(
        self,
        engine: Engine,
        plan: Plan,
        run_id: str,
        inputs: Mapping[str, Any],
        journal: Journal | None = None,
        listener: Callable[[Event], None] | None = None,
        feed: Feed | None = None,
        slots: Slots | None = None,
        spending: Spending | None = None,
        priority: int = 0,
        wait: bool = True,
    ) -> None:
        self.engine = engine
        self.plan = plan
        self.id = run_id
        self.inputs = inputs
        self.journal = journal
        self.restored: Mapping[str, Record] = journal.restored if journal is not None else {}
        self.slots = slots
        self.spending = spending
        self.priority = priority
        self.served = 0
        self.wait = wait
        self.listening = listener is not None or feed is not None
        self.quiet = not self.listening and journal is None and slots is None and spending is None
        self.stop: RunError | None = None
        self.task: asyncio.Task[Any] | None = None
        self._asked: dict[str, Question] = {}
        self._answers: dict[str, Answer] = {}
        self._answer_came: asyncio.Event | None = None
        self.policy: AccessPolicy | None = None
        """None: steps may touch nothing."""
        self.principal: Principal | None = None
        """Whose run it is; None: the local user's."""
        self.masker: Masker | None = None
        """From the first secret on, everything that is shown or kept passes through it."""
        self._streams: dict[str, MaskedStream] = {}
        self._listener = listener
        self._feed = feed
        self._seq = journal.last_seq if journal is not None else 0

    @cached_property
    def cancellation(self) -> Cancellation:
        """For work in threads: set when the run is cancelled."""
        from codefactory.analyzers.cancellation import Cancellation

        cancellation = Cancellation()
        if self.stop is not None:
            cancellation.cancel()
        return cancellation

    def next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def emit(self, kind: type[Event], *fields: Any) -> None:
        """Make an event of the fields that follow run, sequence and time; keep and publish it."""
        if not self.listening and self.journal is None:
            return
        if self.masker is not None:
            fields = self._masked(kind, fields)
            if kind is OutputDelta and fields[1] == "":
                return
        event = kind(self.id, self.next_seq(), time(), *fields)
        if self.journal is not None and not isinstance(event, NOT_KEPT):
            self.journal.event(event)
        if self.listening:
            self.publish(event)

    def _masked(self, kind: type[Event], fields: tuple[Any, ...]) -> tuple[Any, ...]:
        """Without secrets. Text that a step publishes in pieces may be held back until the next piece."""
        from codefactory.pipelines.secrets.masker import MaskedStream, masked_delta

        masker = self.masker
        if masker is None:
            return fields
        if kind is not OutputDelta:
            return masker.value(fields)
        path, delta = fields

        def stream(key: str) -> MaskedStream:
            return self._streams.setdefault(f"{path}\0{key}", MaskedStream(masker))

        return path, masked_delta(delta, masker, stream)

    def flush(self, path: str) -> None:
        """Publish what was held back of a step's text: no more of it comes."""
        if self.masker is None:
            return
        for name in [n for n in self._streams if n.partition("\0")[0] == path]:
            key, rest = name.partition("\0")[2], self._streams.pop(name).end()
            if rest and self.listening:
                delta = rest if not key else {"stream": key, "text": rest}
                self.publish(OutputDelta(self.id, self.next_seq(), time(), path, delta))

    def hide(self, name: str, value: str) -> None:
        """From now on, no event, record or error of this run shows this secret."""
        if self.masker is None:
            from codefactory.pipelines.secrets.journal import MaskedJournal
            from codefactory.pipelines.secrets.masker import Masker

            self.masker = Masker()
            if self.journal is not None:
                self.journal = MaskedJournal(self.journal, self.masker)
        self.masker.add(name, value)

    def publish(self, event: Event) -> None:
        """Give an event to whoever listens, without keeping it."""
        if self._feed is not None:
            self._feed.put(event)
        if self._listener is not None:
            self._listener(event)

    def log(self, path: str, level: str, message: str) -> None:
        self.emit(LogWritten, path, level, message)

    @property
    def owner(self) -> str:
        """Whose run it is."""
        from codefactory.pipelines.principal import local_principal

        return (self.principal or local_principal()).name

    @property
    def role(self) -> str:
        return "admin" if self.principal is None else self.principal.role

    @property
    def congested(self) -> bool:
        return self._feed is not None and self._feed.congested

    async def drained(self) -> None:
        if self._feed is not None:
            await self._feed.drained()

    def cancel(self, stop: RunError) -> None:
        """End the run because of `stop`. From the loop's thread. Its whole tree ends with it."""
        if self.stop is not None:
            return
        self.stop = stop
        if "cancellation" in self.__dict__:
            self.cancellation.cancel()
        if self.task is not None:
            self.task.cancel()

    async def ask(
        self, path: str, text: str, who: Sequence[str], deadline_s: float | None, *, again: bool = False
    ) -> Question:
        """Put a question, or find out when this very one was first put. `again`: it is new in any case."""
        found = self._asked.get(path)
        if found is None or found.text != text or again:
            since = time()
            if self.journal is not None:
                since = await self.journal.asked_at(path, text, who, deadline_s, again=again)
            self._answers.pop(path, None)
            found = Question(text, tuple(who), None if deadline_s is None else since + deadline_s)
            self._asked[path] = found
        return found

    def announce(self, kind: type[Event], *fields: Any) -> None:
        """As `emit`, for what a listener may answer at once: it is a front door, although a step calls it."""
        outside = inside.set(None)
        try:
            self.emit(kind, *fields)
        finally:
            inside.reset(outside)

    async def forget_answer(self, path: str) -> None:
        if self.journal is not None:
            await self.journal.forget_answer(path)

    async def find_answer(self, path: str, text: str) -> Answer | None:
        """Choice and person, once somebody has answered this question."""
        if (here := self._answers.pop(path, None)) is not None:
            return here
        return await self.journal.answer(path, text) if self.journal is not None else None

    async def answered(self, timeout_s: float) -> None:
        """Wait until an answer comes in this process, or for the time given."""
        self._answer_came = self._answer_came or asyncio.Event()
        self._answer_came.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._answer_came.wait()
        except TimeoutError:
            return

    def answer(self, path: str, choice: str, who: str) -> None:
        """Answer a question of this run, from this process. Raises NotAllowedError if it does not count."""
        given = Answer(choice, who, time())
        put = self._asked.get(path)
        complaint = f"`{path}` asks nothing" if put is None else put.complaint(given)
        if complaint is not None:
            raise NotAllowedError(complaint)
        self._answers[path] = given
        if self._answer_came is not None:
            self._answer_came.set()

    @property
    def open_questions(self) -> Mapping[str, str]:
        """Step path → question and choices, one a line."""
        return {path: question.text for path, question in self._asked.items()}
