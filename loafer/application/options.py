"""How a dispatcher behaves; each option is documented as a setting of the same name."""

import attrs

from loafer.domain.retry import RetryDelay


@attrs.frozen
class Options:
    """The limits and delays of a dispatcher, over all its routes.

    Attributes:
        max_jobs: Handlers that run at once.
        prefetch: Messages that wait for a handler, per route.
        grace_period: Seconds that running handlers get once loafer is asked to stop.
        retry_delay: Seconds until a kept message comes back, or `exponential`; None: when its visibility runs out.
        handler_timeout: Seconds after which a coroutine is cancelled; None: never.
        stall_limit: Seconds of a blocked event loop after which its leases are let go.

    """

    max_jobs: int = 10
    prefetch: int = 10
    grace_period: float = 30.0
    retry_delay: RetryDelay = None
    handler_timeout: float | None = None
    stall_limit: float = 15 * 60.0
