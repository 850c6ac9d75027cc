"""Leases against everything that can happen to them, in any order, at any time."""

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from loafer.domain.lease import Lease, Leases
from loafer.domain.limits import LONGEST_VISIBILITY
from loafer.domain.message import Message

names = st.sampled_from("abc")


@attrs.define(eq=False)
class Known:
    """What the model knows of a lease: when it was received, when it was last renewed, and how that went."""

    lease: Lease
    received: float
    renewed: float
    failed: float | None = None
    calls: int = 0
    lost: bool = False


@attrs.frozen(eq=False)
class Call:
    """An extension under way."""

    known: Known
    message: Message
    until: float


class LeaseMachine(RuleBasedStateMachine):
    @initialize(visibility_timeout=st.sampled_from([3, 30, 3600, 43_200]))
    def open(self, visibility_timeout: int) -> None:
        self.leases = Leases(visibility_timeout)
        self.now = 0.0
        self.held: dict[str, Known] = {}
        self.calls: list[Call] = []
        self.deliveries: dict[str, int] = {}

    def message(self, name: str, count: int) -> Message:
        return Message(id=name, body="", receipt=f"{name}#{count}", receive_count=count)

    @rule(name=names)
    def receive(self, name: str) -> None:
        count = self.deliveries[name] = self.deliveries.get(name, 0) + 1
        message = self.message(name, count)
        taken = self.leases.take([message], self.now)
        known = self.held.get(name)
        if known is None or known.lease.released:
            [lease] = taken
            known = self.held[name] = Known(lease, self.now, self.now)
        else:
            assert taken == []
            known.received = known.renewed = self.now
            known.failed, known.lost = None, False
        assert known.lease.message is message
        assert known.lease.deadline == self.now + self.leases.visibility_timeout

    @rule(name=names)
    def receive_late(self, name: str) -> None:
        """Let an older delivery arrive after a newer one: it changes nothing."""
        known = self.held.get(name)
        if known is None or known.lease.released or self.deliveries[name] < 2:
            return
        before = attrs.asdict(known.lease, recurse=False)
        assert self.leases.take([self.message(name, self.deliveries[name] - 1)], self.now) == []
        assert attrs.asdict(known.lease, recurse=False) == before

    @rule(seconds=st.one_of(st.integers(0, 3), st.integers(0, 2000), st.integers(10_000, 50_000)))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def beat(self) -> None:
        due = self.leases.due(self.now)
        by_lease = {known.lease: known for known in self.held.values()}
        for lease in due:
            known = by_lease[lease]
            assert known.calls == 0
            assert not known.lost
            assert not lease.released
            retried = known.failed is not None and self.now >= known.failed + 1
            assert retried or self.now >= known.renewed + self.leases.interval
            seconds = self.leases.extension(self.now, lease)
            assert seconds <= self.leases.visibility_timeout
            assert self.now + seconds <= known.received + LONGEST_VISIBILITY
            self.calls.append(Call(known, lease.message, self.now + seconds))
            known.renewed, known.failed, known.calls = self.now, None, 1
        for lease, known in by_lease.items():
            assert not lease.renewable or self.now < known.renewed + self.leases.interval

    def end_of_a_call(self, data: st.DataObject) -> tuple[Call, bool, tuple[object, ...]]:
        call = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        call.known.calls = 0
        lease = call.known.lease
        return call, lease.message is call.message, (lease.message, lease.deadline, lease.lost)

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def extended(self, data: st.DataObject) -> None:
        call, newest, before = self.end_of_a_call(data)
        lease = call.known.lease
        self.leases.extended(lease, call.message, call.until)
        assert (lease.message, lease.deadline, lease.lost) == ((before[0], call.until, before[2]) if newest else before)

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def refused(self, data: st.DataObject) -> None:
        call, newest, before = self.end_of_a_call(data)
        lease = call.known.lease
        held = any(known is call.known for known in self.held.values())
        lost = newest and held and not lease.released  # what is settled or given back cannot be
        assert self.leases.refused(lease, call.message) is lost
        call.known.lost = lost
        assert (lease.message, lease.deadline, lease.lost) == (*before[:2], lost)

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def not_extended(self, data: st.DataObject) -> None:
        call, _, before = self.end_of_a_call(data)
        lease = call.known.lease
        self.leases.not_extended(lease, self.now)
        call.known.failed = self.now
        assert (lease.message, lease.deadline, lease.lost) == before

    @rule(name=names)
    def drop(self, name: str) -> None:
        known = self.held.pop(name, None)
        if known is not None:
            self.leases.drop([known.lease])
            self.leases.drop([known.lease])

    @rule(name=names, delay=st.integers(0, 30))
    def release(self, name: str, delay: int) -> None:
        if name in self.held:
            self.held[name].lease.release_delay = delay

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def drop_what_was_replaced(self, data: st.DataObject) -> None:
        """Settle a lease late: the lease that took its place stays."""
        lease = data.draw(st.sampled_from(self.calls)).known.lease
        if all(known.lease is not lease for known in self.held.values()):
            self.leases.drop([lease])

    @invariant()
    def one_lease_a_message(self) -> None:
        assert len(self.leases) == len(self.held)

    @invariant()
    def what_is_held_is_renewed_in_time_and_valid_until_its_deadline(self) -> None:
        for known in self.held.values():
            lease = known.lease
            assert lease.renew_at <= known.renewed + self.leases.interval
            assert lease.renewable is not (known.lost or lease.released or bool(known.calls))
            assert lease.is_valid(self.now) is (not known.lost and self.now < lease.deadline)


TestLeases = LeaseMachine.TestCase
TestLeases.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
