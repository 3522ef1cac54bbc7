"""What the owner of a machine allows, and whether an order may be carried out here.

Read by the hands alone, from files of the owner's: nothing that comes from outside can widen them.
"""

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from contract.errors import FeldsherError
from contract.order import Order

if TYPE_CHECKING:
    from agent.repair.playbook import Playbook

SYSTEM_POLICY = Path("/etc/feldsher/policy.yaml")
RISKS = ("observe", "low", "medium", "high")
LATE = timedelta(minutes=2)
"""How far the collector's clock and the one an order is judged by may stand apart."""


class Policy(NamedTuple):
    """What one owner allows. *locked* refuses every order; checkups by the schedule go on."""

    highest_risk: str = "medium"
    locked: bool = False
    forbid_playbooks: tuple[str, ...] = ()


class Denied(NamedTuple):
    """Why an order is refused: a slug, and words for the technician."""

    slug: str
    detail: str


def load_policies(state: Path, system: Path = SYSTEM_POLICY) -> tuple[Policy, ...]:
    """Return the policies that hold here; an order must be allowed by every one of them.

    Raises `FeldsherError`: a policy that cannot be read allows nothing.
    """
    policies = [_load(path) for path in (system, state / "policy.yaml") if os.path.lexists(path)]
    return tuple(policies) or (Policy(),)


def read_policy(content: bytes, where: str) -> Policy:
    """Return the policy that *content* is. Raises `FeldsherError` ``policy-schema`` or one of the ``yaml-`` slugs."""
    from agent.yaml_reader import read_with_lines  # noqa: PLC0415 - most machines have no policy of their own

    document = read_with_lines(content, where)
    for key, value in document.value.items():
        if not _fits(key, value):
            raise FeldsherError(
                "policy-schema",
                f"{key} cannot be {value!r}" if key in Policy._fields else f"policies have no {key!r}",
                where=document.at((key,)),
                remedy=f"highest_risk: {' | '.join(RISKS)}; locked: true | false; forbid_playbooks: a list of names",
            )
    given = dict(document.value)
    given["forbid_playbooks"] = tuple(given.get("forbid_playbooks", ()))
    return Policy(**given)


def misdirected(order: Order, host: str, now: datetime) -> Denied | None:
    """Return why *order* is not for *host* at *now*; ``None`` when it is. Pure."""
    if order.host != host:
        return Denied("not-for-this-host", f"it names host {order.host}")
    if not order.not_before - LATE <= now <= order.not_after + LATE:
        window = f"{order.not_before:%Y-%m-%d %H:%M:%S} to {order.not_after:%Y-%m-%d %H:%M:%S}"
        return Denied("order-expired", f"it was good from {window}, and it is {now:%Y-%m-%d %H:%M:%S}, all in UTC")
    return None


def denied(order: Order, playbook: "Playbook | None", policies: Sequence[Policy]) -> Denied | None:
    """Return why *order* may not be carried out here; ``None`` when it may. Pure.

    *playbook* is the library's own of that name, and ``None`` for a checkup or when there is none.
    """
    if order.kind == "repair" and playbook is None:
        return Denied("playbook-not-trusted", f"this agent came with no playbook {order.playbook!r}")
    if playbook is not None and order.playbook_sha256 != playbook.sha256:
        return Denied("playbook-not-trusted", "the order names other bytes than those that came with this agent")
    # A plan only looks, and so does a checkup.
    risk = 0 if playbook is None or order.check_only else int(playbook.risk)
    if risk >= RISKS.index("high"):
        return Denied("policy-denied", "a repair of high risk needs a technician's seal, and seals are not read yet")
    for policy in policies:
        why = _denies(policy, order, risk)
        if why:
            return Denied("policy-denied", f"the owner of this machine {why}")
    return None


def _denies(policy: Policy, order: Order, risk: int) -> str:
    if policy.locked:
        return "has locked it"
    if order.kind == "repair" and order.playbook in policy.forbid_playbooks:
        return f"forbids {order.playbook}"
    if risk > RISKS.index(policy.highest_risk):
        return f"allows risk {policy.highest_risk} at most, and this is {RISKS[risk]}"
    return ""


def _load(path: Path) -> Policy:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FeldsherError("policy-schema", f"the policy cannot be read: {error.strerror}", where=str(path)) from error
    return read_policy(content, str(path))


def _fits(key: str, value: Any) -> bool:
    match key:
        case "highest_risk":
            return value in RISKS
        case "locked":
            return isinstance(value, bool)
        case "forbid_playbooks":
            return isinstance(value, list) and all(isinstance(name, str) for name in value)
        case _:
            return False
