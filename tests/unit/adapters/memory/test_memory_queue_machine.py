"""The queue in memory against a model of SQS: what is visible, in flight, deleted and dead-lettered, at every time."""

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from loafer.adapters.memory.queue import MemoryQueue
from loafer.domain.message import Message, OutgoingMessage


@attrs.define(eq=False)
class Known:
    """A message as the model knows it."""

    body: str
    group: str | None
    visible_at: int
    receipt: str = ""
    receive_count: int = 0


class QueueMachine(RuleBasedStateMachine):
    name = "standard"

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.model: dict[str, Known] = {}
        self.dead: set[str] = set()
        self.receipts: list[str] = []
        self.sent = 0

    @initialize(limit=st.sampled_from([None, 1, 3]), visibility_timeout=st.integers(1, 5))
    def open(self, limit: int | None, visibility_timeout: int) -> None:
        clock = self.clock
        self.letters = MemoryQueue(f"dead-{self.name}", clock=clock)
        self.queue = MemoryQueue(self.name, visibility_timeout, limit, self.letters, clock)

    def clock(self) -> float:
        return self.now

    def hidden(self, known: Known) -> bool:
        return known.visible_at > self.now

    def spent(self, known: Known) -> bool:
        limit = self.queue.max_receive_count
        return limit is not None and known.receive_count >= limit

    def available(self) -> dict[str, Known]:
        """Return what may be received now; on a FIFO queue nothing of a group of which something is in flight."""
        return {name: known for name, known in self.model.items() if not self.hidden(known)}

    def put(self, group: str | None, delay: int = 0) -> None:
        self.sent += 1
        body = str(self.sent)
        name = self.queue.send(OutgoingMessage(body, delay=delay, group=group))
        assert name not in self.model
        self.model[name] = Known(body, group, self.now + delay)

    @rule(limit=st.integers(1, 4))
    def receive(self, limit: int) -> None:
        available = self.available()
        messages = self.queue.receive(limit)
        dead = {message.body for message in self.letters.visible}
        redriven = [name for name, known in available.items() if known.body in dead - self.dead]
        assert len(messages) <= limit
        assert len({message.id for message in messages}) == len(messages)
        assert len(messages) + len(redriven) >= min(limit, len(available))
        assert messages or len(redriven) == len(available)
        assert all(self.spent(available[name]) for name in redriven)
        for name in redriven:
            del self.model[name]
        self.dead = dead
        self.check_order(messages)
        for message in messages:
            self.check_delivery(message, available[message.id])

    def check_order(self, messages: list[Message]) -> None:
        """A standard queue promises none."""

    def check_delivery(self, message: Message, known: Known) -> None:
        assert not self.spent(known)
        known.receive_count += 1
        known.visible_at = self.now + int(self.queue.visibility_timeout)
        assert message.receipt not in self.receipts
        known.receipt = message.receipt
        self.receipts.append(message.receipt)
        assert (message.body, message.group, message.receive_count) == (known.body, known.group, known.receive_count)

    def holder(self, receipt: str) -> str | None:
        return next((name for name, known in self.model.items() if known.receipt == receipt), None)

    @precondition(lambda self: self.receipts)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        receipt = data.draw(st.sampled_from(self.receipts))
        holder, message_id = self.holder(receipt), receipt.rpartition("#")[0]
        in_flight = holder is not None and self.hidden(self.model[holder])
        refused = self.queue.fifo and message_id in self.model and not in_flight
        assert self.queue.delete(receipt) is not refused
        if holder is not None and not refused:
            del self.model[holder]

    @precondition(lambda self: self.receipts)
    @rule(data=st.data(), seconds=st.integers(0, 6), times=st.integers(1, 2))
    def change_visibility(self, data: st.DataObject, seconds: int, times: int) -> None:
        receipt = data.draw(st.sampled_from(self.receipts))
        for _ in range(times):
            holder = self.holder(receipt)
            in_flight = holder is not None and self.hidden(self.model[holder])
            assert self.queue.change_visibility(receipt, seconds) is in_flight
            if holder is not None and in_flight:
                self.model[holder].visible_at = self.now + seconds

    @rule(seconds=st.integers(1, 7))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def wait_for_the_next(self) -> None:
        """Whoever found nothing, and waits as long as the queue says, misses nothing."""
        if self.available():
            return
        self.queue.receive(1)
        soon = self.queue.next_visible()
        hidden = [known.visible_at for known in self.model.values() if self.hidden(known)]
        if hidden:
            assert soon is not None
            assert 0 < soon <= min(hidden) - self.now

    @invariant()
    def the_queue_holds_what_the_model_holds(self) -> None:
        visible = sorted(known.body for known in self.model.values() if not self.hidden(known))
        in_flight = sorted(k.body for k in self.model.values() if self.hidden(k) and k.receive_count)
        assert len(self.queue) == len(self.model)
        assert sorted(message.body for message in self.queue.visible) == visible
        assert sorted(message.body for message in self.queue.in_flight) == in_flight


class StandardQueueMachine(QueueMachine):
    @rule(delay=st.sampled_from([0, 0, 3]))
    def send(self, delay: int) -> None:
        self.put(None, delay)


class FifoQueueMachine(QueueMachine):
    name = "orders.fifo"

    @rule(group=st.sampled_from("gh"))
    def send(self, group: str) -> None:
        self.put(group)

    def available(self) -> dict[str, Known]:
        locked = {known.group for known in self.model.values() if self.hidden(known)}
        return {name: known for name, known in self.model.items() if known.group not in locked}

    def check_order(self, messages: list[Message]) -> None:
        for group in {message.group for message in messages}:
            bodies = [message.body for message in messages if message.group == group]
            waiting = [known.body for known in self.model.values() if known.group == group]
            assert bodies == waiting[: len(bodies)]


TestStandardQueue = StandardQueueMachine.TestCase
TestFifoQueue = FifoQueueMachine.TestCase
TestStandardQueue.settings = TestFifoQueue.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
