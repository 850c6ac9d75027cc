"""The order of a FIFO queue against a model: a deque per group, at most one message of it started."""

from collections import deque

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loafer.domain.lease import Lease
from loafer.domain.message import Message
from loafer.domain.ordering import GroupOrder

groups = st.sampled_from(["red", "green", "blue", None])


@attrs.define(eq=False)
class ModelGroup:
    """What waits in a group, what runs, and until when its head backs off."""

    waiting: deque[Lease] = attrs.field(factory=deque)
    started: Lease | None = None
    backs_off_until: float | None = None

    @property
    def may_start(self) -> bool:
        return bool(self.waiting) and self.started is None and self.backs_off_until is None


class GroupOrderMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.order = GroupOrder()
        self.model: dict[str, ModelGroup] = {}
        self.now = 0
        self.added = 0

    def group_of(self, lease: Lease) -> ModelGroup:
        return self.model.setdefault(lease.message.group or lease.message.id, ModelGroup())

    @property
    def started(self) -> list[Lease]:
        return [group.started for group in self.model.values() if group.started is not None]

    @rule(group=groups, receive_count=st.integers(1, 3))
    def add(self, group: str | None, receive_count: int) -> None:
        self.added += 1
        name = str(self.added)
        message = Message(id=name, body="", receipt=name, receive_count=receive_count, group=group)
        lease = Lease(message, 30, 10, 43_200)
        self.order.add([lease])
        self.group_of(lease).waiting.append(lease)

    @rule()
    def start(self) -> None:
        lease = self.order.next()
        if lease is None:
            assert not any(group.may_start for group in self.model.values())
            return
        group = self.group_of(lease)
        assert group.may_start
        assert group.waiting.popleft() is lease
        lease.runs += 1
        group.started = lease

    @precondition(lambda self: self.started)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self.started))
        self.order.finished([lease])
        self.order.finished([lease])
        self.group_of(lease).started = None

    @rule(data=st.data())
    def settle_what_was_not_started(self, data: st.DataObject) -> None:
        waiting = [lease for group in self.model.values() for lease in group.waiting]
        if waiting:
            lease = data.draw(st.sampled_from(waiting))
            self.order.finished([lease])
            assert not self.order.has_followers(lease)
            assert self.order.followers(lease) == []

    @precondition(lambda self: self.started)
    @rule(data=st.data(), seconds=st.integers(0, 20))
    def retry(self, data: st.DataObject, seconds: int) -> None:
        lease = data.draw(st.sampled_from(self.started))
        self.order.retry(lease, self.now + seconds)
        group = self.group_of(lease)
        group.started, group.backs_off_until = None, self.now + seconds
        group.waiting.appendleft(lease)

    @rule(seconds=st.integers(0, 15))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds
        self.order.wake(self.now)
        for group in self.model.values():
            if group.backs_off_until is not None and group.backs_off_until <= self.now:
                group.backs_off_until = None

    @precondition(lambda self: self.started)
    @rule(data=st.data())
    def give_back_followers(self, data: st.DataObject) -> None:
        lease = data.draw(st.sampled_from(self.started))
        group = self.group_of(lease)
        assert self.order.has_followers(lease) == bool(group.waiting)
        assert self.order.followers(lease) == list(group.waiting)
        group.waiting.clear()

    @rule(last=st.integers(1, 4))
    def spare(self, last: int) -> None:
        spared = self.order.spare(last)
        for group in self.model.values():
            before = list(group.waiting)
            while group.waiting and (group.waiting[-1].runs or group.waiting[-1].message.receive_count < last):
                group.waiting.pop()
            assert [lease for lease in spared if lease in before] == before[len(group.waiting) :]
            if not group.waiting:
                group.backs_off_until = None

    @rule()
    def drain(self) -> None:
        drained = self.order.spare(None)
        assert len(drained) == sum(len(group.waiting) for group in self.model.values())
        for group in self.model.values():
            assert [lease for lease in drained if lease in group.waiting] == list(group.waiting)
            group.waiting.clear()
            group.backs_off_until = None

    @invariant()
    def startable_are_the_heads_that_wait_for_nothing(self) -> None:
        assert self.order.startable == sum(group.may_start for group in self.model.values())

    @invariant()
    def all_are_counted_that_wait(self) -> None:
        assert len(self.order) == sum(len(group.waiting) for group in self.model.values())

    def teardown(self) -> None:
        self.drain()
        for lease in self.started:
            self.order.finished([lease])
        assert (self.order.startable, self.order.next(), self.order.spare(None)) == (0, None, [])


TestGroupOrder = GroupOrderMachine.TestCase
TestGroupOrder.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
