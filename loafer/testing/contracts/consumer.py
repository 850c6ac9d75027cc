"""All that a consumer must show, in one class to inherit."""

from loafer.testing.contracts.crowds import CrowdContract
from loafer.testing.contracts.dead_letters import DeadLetterContract
from loafer.testing.contracts.fifo import FifoContract
from loafer.testing.contracts.machine import ModelContract
from loafer.testing.contracts.receiving import ReceivingContract
from loafer.testing.contracts.resuming import ResumingContract
from loafer.testing.contracts.settling import SettlingContract


class ConsumerContract(
    ReceivingContract,
    SettlingContract,
    CrowdContract,
    ResumingContract,
    FifoContract,
    DeadLetterContract,
    ModelContract,
):
    """Everything that a consumer must show; inherit it, and give it a `world` and its `features`.

    By example and on random schedules: a message is deleted only when it is acknowledged; it has one valid lease at
    most; a receive brings no more than it was asked for; nothing of a FIFO group comes while one of it is in flight,
    or before what was sent earlier; an old receipt changes nothing, and is reported; a message may be in a batch
    twice; what fails in a batch fails alone; whatever is cancelled, closed or cut off, nothing is lost; closing and
    opening may be repeated.
    """
