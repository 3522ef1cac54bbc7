"""Services, and whether they run."""

from contract.sample import Quantity

_SERVICE = ("service",)

FAILED = Quantity("service.failed", "bool", "Whether it ended badly and was given up.", _SERVICE)
ACTIVE = Quantity("service.active", "bool", "Whether it runs now.", _SERVICE)
RESULT = Quantity(
    "service.result",
    "text",
    "How it last ended: success, exit-code, signal, oom-kill, timeout, start-limit-hit ...",
    _SERVICE,
)
RESTARTS = Quantity("service.restarts", "{restart}", "How often it was started again by itself.", _SERVICE)
FAILED_COUNT = Quantity("services.failed_count", "{service}", "How many services ended badly and were given up.")

ALL = (FAILED, ACTIVE, RESULT, RESTARTS, FAILED_COUNT)
