"""What the attributes of a queue say: how long a lease lasts, and where messages go that fail too often."""

from functools import partial

import attrs

from loafer.adapters.aws.answers import count_in, mapping_in, redrive_policy_in
from loafer.adapters.aws.queue import Queue
from loafer.domain.depth import Depth
from loafer.domain.limits import LONGEST_VISIBILITY

_COUNTS = [
    "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed",
]  # fmt: skip
_NAMES = ["VisibilityTimeout", "RedrivePolicy", "QueueArn"]


@attrs.frozen
class Attributes:
    """A queue's attributes, as far as they are known.

    Attributes:
        visibility_timeout: Seconds that a received message stays invisible; 0: it does not, or nobody knows.
        max_receive_count: After how many deliveries SQS moves a message on; None: never, or nobody knows.
        dead_letters: The ARN of the queue to which it is moved.
        redrive_known: False if the redrive policy could not be read.
        arn: Its own ARN; None: nobody knows.

    """

    visibility_timeout: int = 0
    max_receive_count: int | None = None
    dead_letters: str | None = None
    redrive_known: bool = True
    arn: str | None = None


UNKNOWN = Attributes(redrive_known=False)
"""What is known where nobody may ask."""


async def attributes_of(queue: Queue) -> Attributes:
    """Ask SQS for a queue's attributes; raises as `Queue.call` does."""
    read = partial(mapping_in, name="Attributes")
    said = await queue.read(read, "get_queue_attributes", AttributeNames=_NAMES)
    attempts, target = redrive_policy_in(said)
    return Attributes(
        min(count_in(said, "VisibilityTimeout"), LONGEST_VISIBILITY),
        attempts or None,
        target,
        redrive_known=bool(attempts and target) or not said.get("RedrivePolicy"),
        arn=arn if isinstance(arn := said.get("QueueArn"), str) else None,
    )


async def depth_of(queue: Queue) -> Depth:
    """Ask SQS how many messages a queue has; raises as `Queue.call` does."""
    said = await queue.read(partial(mapping_in, name="Attributes"), "get_queue_attributes", AttributeNames=_COUNTS)
    return Depth(*(count_in(said, name) for name in _COUNTS))
