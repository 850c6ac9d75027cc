"""The routes of one source, as one route that receives for all of them."""

from collections.abc import Sequence
from typing import Any

import attrs

from loafer.application.branching import Unmatched
from loafer.application.registered import Registered
from loafer.application.route import Branching, Call, LeftOut, Route, Surroundings
from loafer.domain.choosing import Chooser
from loafer.domain.retry import Retry
from loafer.domain.rules import Asked, leaves
from loafer.domain.share import JOBS, Share


def joined(
    group: Sequence[Registered],
    branches: tuple[Route, ...],
    every: Sequence[Registered],
    *,
    reject: bool,
    enveloped: bool,
    retry: Retry,
) -> Route:
    """Return a route that receives for all of a group, and gives each message to the first that takes it.

    That is the first of `every` route of the source: what one takes that does not run here is left to other workers,
    and comes back as that route says, or `retry`.
    """
    first = branches[0]
    rules = [each.rule for each in every]
    made = {id(each): branch for each, branch in zip(group, branches, strict=True)}
    looked_at = [leaf.place for rule in rules for leaf in leaves(rule) if not isinstance(leaf, Asked)]
    unmatched = Unmatched(first.source, reject, tuple(dict.fromkeys(looked_at)), apart=len(every) > len(group))
    takers = [made.get(id(each)) or LeftOut(each.retry and each.retry.over(retry)) for each in every]
    branching = Branching(
        branches,
        Chooser.of(list(zip(rules, takers, strict=True))),
        unmatched.note,
        unmatched.tell_rest,
        reject,
        enveloped,
    )
    name = group[0].queue
    call, around = Call(_never), Surroundings(name)
    whole = attrs.evolve(first, name=name, call=call, around=around, share=share_of(group), retry=None, timeout=None)
    return attrs.evolve(whole, reject=(), branching=branching)


async def _never(_: object) -> None:
    """Handle nothing: the routes that it receives for do."""


def share_of(group: Sequence[Registered]) -> Share:
    """Return what the routes of one source may have together: the sum of what each of them may."""
    jobs = [each.max_jobs for each in group]
    return Share(
        max_jobs=None if jobs == [None] * len(jobs) else sum(JOBS if own is None else own for own in jobs),
        weight=sum(1 if each.weight is None else each.weight for each in group),
        rate=_sum_if_all([each.rate for each in group]),
        burst=_sum_if_all([each.burst for each in group]),
        prefetch=_sum_if_all([each.prefetch for each in group]),
    )


def _sum_if_all(values: Sequence[Any]) -> Any:
    return None if None in values else sum(values)
