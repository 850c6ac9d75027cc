"""What is known of queues and topics, read from outside: values that change nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from loafer.domain.limits import FIFO


@attrs.frozen(kw_only=True)
class Place:
    """What names a queue or a topic, and how it is reached.

    Attributes:
        text: Its name, URL or ARN, as the user wrote it.
        region: Its region; None: what the text says, else the environment.
        endpoint: The endpoint that is called; None: the environment's.
        profile: The profile whose credentials are used; None: the environment's.

    """

    text: str
    region: str | None = None
    endpoint: str | None = None
    profile: str | None = None


@attrs.frozen(kw_only=True)
class QueueFacts:
    """What a queue is; times are in seconds, and what is None is not set, or nobody may know it.

    Attributes:
        name: Its name.
        arn: Its ARN; parts that are not known are `*`.
        url: Its URL; empty where it was not looked up.
        looked_up: Whether a worker has to look its URL up.
        known: Whether its attributes could be read.
        visible: About how many messages wait.
        in_flight: About how many are received and not yet deleted.
        delayed: About how many are not yet shown.
        visibility_timeout: For how long a received message stays invisible.
        retention: For how long a message is kept.
        dead_letters: The ARN of the queue that gets what fails too often.
        max_receive_count: After how many receives.
        takes_from: The ARNs of the queues whose dead letters it takes; None: of any.
        key: The KMS key that encrypts it.
        managed_key: Whether SQS encrypts it with a key of its own.
        deduplication_scope: Within what a FIFO queue knows duplicates: queue or messageGroup.
        throughput_limit: What a FIFO queue's throughput is limited by: perQueue or perMessageGroupId.
        statements: The statements of its policy.
        endpoint: The endpoint that was called; empty: none was.
        region: Its region.
        skew: By how much this machine's clock is ahead of SQS's.

    """

    name: str
    arn: str
    url: str = ""
    looked_up: bool = True
    known: bool = True
    visible: int = 0
    in_flight: int = 0
    delayed: int = 0
    visibility_timeout: int | None = None
    retention: int | None = None
    dead_letters: str | None = None
    max_receive_count: int | None = None
    takes_from: Sequence[str] | None = None
    key: str | None = None
    managed_key: bool = False
    deduplication_scope: str | None = None
    throughput_limit: str | None = None
    statements: Sequence[Mapping[str, Any]] = ()
    endpoint: str = ""
    region: str = ""
    skew: float | None = None

    @property
    def fifo(self) -> bool:
        """Whether it keeps the order of groups."""
        return self.name.endswith(FIFO)


@attrs.frozen(kw_only=True)
class TopicFacts:
    """What a topic is.

    Attributes:
        name: Its name.
        arn: Its ARN; parts that are not known are `*`.
        looked_up: Whether a publisher has to look its ARN up.
        key: The KMS key that encrypts it; None: none does, or nobody may know it.

    """

    name: str
    arn: str
    looked_up: bool = True
    key: str | None = None
