"""Where hosts and tickets stand: who can be reached now, and which case asks for attention first."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from collector.store.base import Host, Ticket, TicketState
from contract.finding import Severity

ONLINE_WITHIN = timedelta(minutes=3)
"""An agent asks for orders at least once a minute; three missed in a row are no accident."""
_URGENCY = list(Severity)
_STANDING = {TicketState.OPEN: 0, TicketState.SILENT: 1, TicketState.FIXED: 2, TicketState.CLOSED: 3}


def link_of(host: Host, now: datetime) -> str:
    """Return whether *host* is ``online``, ``offline`` or ``revoked``."""
    if host.revoked:
        return "revoked"
    return "online" if host.seen_at and now - host.seen_at < ONLINE_WITHIN else "offline"


def in_order(tickets: Sequence[Ticket]) -> list[Ticket]:
    """Return *tickets* by the attention they ask for: open before settled, urgent before mild, new before old."""
    newest_first = sorted(tickets, key=lambda ticket: ticket.changed_at, reverse=True)
    return sorted(newest_first, key=lambda ticket: (_STANDING[ticket.state], -_URGENCY.index(ticket.severity)))
