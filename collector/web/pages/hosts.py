"""The machines: a list, and one machine with what it is, what is wrong with it now, and its last hour."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from collector.store.base import Host, Records, Ticket, TicketState
from collector.web.pages.frame import clock_of, page, parts_of
from collector.web.route import Route
from collector.web.standing import in_order, link_of
from contract.errors import FeldsherError
from contract.exchange import Item, Vitals
from contract.report import Report
from contract.sample import Sample

LAST_HOUR = timedelta(hours=1)
MOST_CHARTS = 12
CHART_WIDTH, CHART_HEIGHT, CHART_MARGIN = 240.0, 40.0, 3.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list."""

    host: Host
    link: str
    tickets: int


@dataclass(frozen=True, slots=True)
class Chart:
    """One quantity over the last hour; *points* are an SVG polyline's."""

    points: str
    lowest: Sample
    highest: Sample
    last: Sample


def rows_of(hosts: Sequence[Host], tickets: Sequence[Ticket], now: datetime) -> list[Row]:
    """Return the list's lines by name, each with how many of its *tickets* are open."""
    open_on: dict[str, int] = {}
    for ticket in tickets:
        if ticket.state == TicketState.OPEN:
            open_on[ticket.host] = open_on.get(ticket.host, 0) + 1
    by_name = sorted(hosts, key=lambda host: (host.name.casefold(), host.id))
    return [Row(host, link_of(host, now), open_on.get(host.id, 0)) for host in by_name]


def shown(
    host: Host, report: Report | None, vitals: Sequence[Vitals], tickets: Sequence[Ticket], now: datetime
) -> dict[str, object]:
    """Return what one machine's template speaks of."""
    return {
        "host": host,
        "link": link_of(host, now),
        "report": report,
        "charts": charts_of(vitals, now),
        "tickets": in_order(tickets),
        "numbers": {ticket.cause: ticket.number for ticket in tickets if ticket.state != TicketState.CLOSED},
    }


def charts_of(vitals: Iterable[Vitals], now: datetime) -> list[Chart]:
    """Return a chart for each number that was measured at least twice in the last hour."""
    lines: dict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[float, Sample]]] = {}
    for vital in vitals:
        # An agent's clock may be anywhere; what does not fall into this hour is not drawn.
        if not now - LAST_HOUR <= vital.at <= now + timedelta(minutes=5):
            continue
        for sample in vital.samples:
            if isinstance(sample.value, int | float) and not isinstance(sample.value, bool):
                key = sample.name, tuple(sorted(sample.where.items()))
                lines.setdefault(key, []).append((vital.at.timestamp(), sample))
    charts = [_chart(sorted(line, key=lambda point: point[0])) for line in lines.values() if len(line) > 1]
    return charts[:MOST_CHARTS]


def _chart(line: Sequence[tuple[float, Sample]]) -> Chart:
    values = [float(sample.value) for _, sample in line]
    lowest, highest = min(values), max(values)
    # A ratio is drawn from nothing to all, so that 3 % looks calm; other numbers fill their own range.
    bottom, top = (0.0, 1.0) if line[0][1].unit == "1" and 0 <= lowest <= highest <= 1 else (lowest, highest)
    start, end = line[0][0], line[-1][0]
    points = []
    for (at, _), value in zip(line, values, strict=True):
        across = (at - start) / (end - start) * CHART_WIDTH if end > start else CHART_WIDTH
        up = (value - bottom) / (top - bottom) if top > bottom else 0.5
        points.append(f"{across:.1f},{CHART_HEIGHT - CHART_MARGIN - up * (CHART_HEIGHT - 2 * CHART_MARGIN):.1f}")
    by_value = sorted((sample for _, sample in line), key=lambda sample: float(sample.value))
    return Chart(" ".join(points), by_value[0], by_value[-1], line[-1][1])


async def show_list(request: Request) -> Response:
    """Show every machine."""
    organisation = request.state.user.organisation
    hosts, tickets = await parts_of(request).store.look(
        lambda records: (records.hosts(organisation), records.tickets(organisation))
    )
    return page(request, "hosts.html", {"rows": rows_of(hosts, tickets, clock_of(request))})


async def show(request: Request) -> Response:
    """Show one machine."""
    organisation, name, now = request.state.user.organisation, request.path_params["host"], clock_of(request)

    def ask(records: Records) -> tuple[Host, Report | None, list[Vitals], Sequence[Ticket]]:
        host = records.host(organisation, name)
        if host is None:
            raise FeldsherError("not-found", "there is no such machine")
        vitals = list(_read_vitals(records.vitals(organisation, name, now - LAST_HOUR)))
        return host, records.report(organisation, name), vitals, records.tickets_of(organisation, name)

    host, report, vitals, tickets = await parts_of(request).store.look(ask)
    return page(request, "host.html", shown(host, report, vitals, tickets, now))


def _read_vitals(items: Iterable[Item]) -> Iterable[Vitals]:
    for item in items:
        try:
            yield msgspec.json.decode(item.body, type=Vitals)
        except msgspec.MsgspecError:
            # Kept as another version of the agent sent it; it is only not drawn.
            continue


ROUTES = (
    Route("/hosts", show_list, ("GET",), "technician", page=True),
    Route("/hosts/{host}", show, ("GET",), "technician", page=True),
)
