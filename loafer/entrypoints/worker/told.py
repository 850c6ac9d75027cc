"""What a worker says of itself; imports nothing that its supervisor would have for that alone."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from loafer.domain.metrics import Family


@attrs.frozen
class Told:
    """What a worker says of itself.

    Attributes:
        document: How it is.
        families: Its metrics.

    """

    document: Mapping[str, Any]
    families: "Sequence[Family]" = ()
