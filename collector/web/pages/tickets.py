"""The queue: every open ticket, the most urgent first."""

from starlette.requests import Request
from starlette.responses import Response

from collector.web.pages.frame import page, parts_of, turn_to
from collector.web.route import Route
from collector.web.standing import in_order


async def show(request: Request) -> Response:
    """Show the queue."""
    organisation = request.state.user.organisation
    with_closed = request.query_params.get("closed") == "1"
    tickets, hosts = await parts_of(request).store.look(
        lambda records: (records.tickets(organisation, with_closed=with_closed), records.hosts(organisation))
    )
    names = {host.id: host.name for host in hosts}
    shown = {"tickets": in_order(tickets), "names": names, "hosts": hosts, "with_closed": with_closed}
    return page(request, "tickets.html", shown)


async def begin(request: Request) -> Response:  # noqa: ARG001 - an endpoint's signature
    """Send a person to the queue: it is home."""
    return turn_to("/tickets")


ROUTES = (
    Route("/", begin, ("GET",), "technician", page=True),
    Route("/tickets", show, ("GET",), "technician", page=True),
)
