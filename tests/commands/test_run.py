"""``run``: how it ends is its exit code."""

import msgspec
import pytest

from collector.store.base import OrderState
from commands.run import exit_code
from contract.evidence import Verdict
from tests.fakes import cases


@pytest.mark.parametrize(
    ("verdict", "reason", "code"),
    [
        (Verdict.HEALTHY, "", 0),
        (Verdict.FIXED, "", 0),
        (Verdict.PLANNED, "", 0),
        (Verdict.PUT_BACK, "", 1),
        (Verdict.LEFT, "", 1),
        (Verdict.INTERRUPTED, "", 1),
        (Verdict.BLOCKED, "", 1),
        (Verdict.BLOCKED, "storage-full", 7),
        (Verdict.REFUSED, "", 4),
        (Verdict.REFUSED, "policy-denied", 4),
        (Verdict.EXPIRED, "", 4),
        (Verdict.WAITING, "", 8),
        (Verdict.PENDING_REBOOT, "", 8),
    ],
)
def test_a_script_can_tell_how_a_repair_ended(verdict: Verdict, reason: str, code: int) -> None:
    """Nothing but fixed, healthy and a plan may look like success."""
    evidence = msgspec.structs.replace(cases.EVIDENCE, verdict=verdict, reason=reason)
    assert exit_code(msgspec.structs.replace(cases.RECORD, evidence=evidence)) == code


def test_every_verdict_has_its_exit_code() -> None:
    """A new verdict must not be a crash in the terminal of whoever sees it first."""
    for verdict in Verdict:
        exit_code(
            msgspec.structs.replace(cases.RECORD, evidence=msgspec.structs.replace(cases.EVIDENCE, verdict=verdict))
        )


@pytest.mark.parametrize(
    ("state", "code"),
    [(OrderState.QUEUED, 8), (OrderState.TAKEN, 8), (OrderState.EXPIRED, 4), (OrderState.CANCELLED, 4)],
)
def test_an_order_without_an_end_is_no_success(state: OrderState, code: int) -> None:
    """A machine that is asleep has not been repaired."""
    assert exit_code(msgspec.structs.replace(cases.RECORD, state=state, evidence=None)) == code
