"""The pages people see in a browser: plain, rendered here, without a line of script."""

from dataclasses import replace

from collector.web.pages import hosts, sign_in, style, ticket, tickets
from collector.web.pages.trouble import in_words

ROUTES = tuple(
    replace(route, endpoint=in_words(route.endpoint)) if route.page else route
    for route in (*tickets.ROUTES, *ticket.ROUTES, *hosts.ROUTES, *sign_in.ROUTES, *style.ROUTES)
)
