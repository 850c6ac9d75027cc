"""The handler that does nothing, in a process whose code has set OpenTelemetry up: no trace is sampled."""

from handlers import idle  # noqa: F401 - it is named on the command line
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

trace.set_tracer_provider(TracerProvider(sampler=ALWAYS_OFF))
