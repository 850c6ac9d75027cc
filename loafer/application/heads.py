"""What becomes of a message that is kept where others wait behind it: the head of a FIFO group, and its followers."""

import asyncio
from collections.abc import Callable, Sequence

import attrs

from loafer.application.background import LOOK, Background
from loafer.application.lane import Lane
from loafer.application.settling import Settling
from loafer.application.stop import Stop
from loafer.domain.lease import Lease
from loafer.domain.ordering import GroupOrder, group_of
from loafer.ports.observer import Cause


@attrs.define(eq=False)
class Heads:
    """Runs kept heads again in their place, or gives them back so that what follows them loses no attempt by that.

    Attributes:
        lane: Whose messages they are.
        stop: Once it is requested, what is kept is given back.
        settling: What is done with them in the end.
        start: Called when a message of the lane may start.
        background: Does what has to wait.

    """

    lane: Lane
    stop: Stop
    settling: Settling
    start: Callable[[Lane], None]
    background: Background
    _done_with: set[Lease] = attrs.field(factory=set, init=False)
    """Heads that are to be given back when nothing of their group is here any more."""

    def is_to_move(self, order: GroupOrder, lease: Lease) -> bool:
        """Tell whether a head has no runs left, and is to be moved; in a stop only if a follower has to run yet."""
        limit = self.lane.info.max_receive_count
        if limit is None or not self.lane.info.redrive_known or self._leaves(order, lease):
            return False
        return lease.runs > 0 and lease.attempts >= limit

    def keep(self, order: GroupOrder, lease: Lease, delay: float | None, now: float) -> None:
        """Keep a head: it runs again after its delay, and its followers wait for that.

        In a stop, and where the lane is drained, only if one of them has to run yet.
        """
        if self._leaves(order, lease):
            self.settling.release([lease], delay or 0)
        elif not self.lane.info.redrive_known:
            self.give_back_in_order(order, lease, delay, now)
        else:
            wait = max(0.0, lease.deadline - now) if delay is None else delay
            order.retry(lease, now + wait)
            asyncio.get_running_loop().call_later(wait, self._wake, order, now + wait)

    def give_back_in_order(self, order: GroupOrder, lease: Lease, delay: float | None, now: float) -> None:
        """Give a head and its followers back: how many runs it has only the source knows, which counts receives."""
        self.lane.singles.add(lease.message, now)
        followers = order.followers(lease)
        if delay is None:
            self.lane.comes_back([lease], Cause.FAILED)
            self.settling.finished([lease], confirmed=True)
            self._release_alone(followers)
        else:
            self._release_alone([lease, *followers], delay)

    def leave_spent(self, order: GroupOrder, lease: Lease) -> None:
        """Leave a spent head that could not be moved to its source, which moves it when it is received again."""
        limit = self.lane.info.max_receive_count
        self.lane.singles.add(lease.message, self.lane.clock(), spent=limit)
        if lease.is_last_receive(limit) and order.has_followers(lease):
            self._give_back_last(order, lease)
        else:
            self._release_alone([lease, *order.followers(lease)])

    def _release_alone(self, leases: Sequence[Lease], delay: float = 0) -> None:
        """Give a group back so that its messages are received one at a time: when no receive may bring several.

        Meanwhile it is held: a receive under way would take the whole group again, and use up its followers' attempts.
        """

        async def wait_and_release() -> None:
            lanes, stopping = self.lane.peers, self.stop.requested
            while any(lane.wide_polls for lane in lanes) and not stopping.is_set():  # noqa: ASYNC110 - seldom, and long
                await asyncio.sleep(LOOK)
            self.settling.release(leases[:1], delay)
            self.settling.release(leases[1:])

        self.background.do(wait_and_release)

    def _leaves(self, order: GroupOrder, lease: Lease) -> bool:
        """Tell whether a head is left to other workers: in a stop or drain, unless a follower has to run here yet."""
        return (self.lane.drained or self.stop.requested.is_set()) and not order.has_followers(lease)

    def _wake(self, order: GroupOrder, at: float) -> None:
        """Let those start whose time is `at`: the loop's clock may be a little ahead of ours."""
        order.wake(at)
        self.start(self.lane)

    def _give_back_last(self, order: GroupOrder, lease: Lease) -> None:
        """Let what waits for a head go on, and give the head back after that: whoever receives it next has it moved.

        Given back with it, messages at their last receive would be moved unrun. As long as its lease lasts, none of the
        group comes meanwhile.
        """
        self._done_with.add(lease)
        order.finished([lease])
        self.start(self.lane)

        async def wait_and_release() -> None:
            group = group_of(lease.message)
            while lease.is_valid(self.lane.clock()) and self._holds_more_of(group):  # noqa: ASYNC110 - seldom, and long
                await asyncio.sleep(LOOK)
            self.settling.release([lease])
            self._done_with.discard(lease)

        self.background.do(wait_and_release)

    def _holds_more_of(self, group: str) -> bool:
        """Tell whether any message of a group is held that is not only to be given back."""
        with self.lane.lock:
            held = self.lane.leases.all()
        return any(
            group_of(lease.message) == group and not (lease.released or lease in self._done_with) for lease in held
        )
