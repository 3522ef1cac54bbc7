"""The pages people see in a browser: plain, rendered here, without a line of script."""

from collector.web.pages import hosts, sign_in, style, ticket, tickets

ROUTES = (*tickets.ROUTES, *ticket.ROUTES, *hosts.ROUTES, *sign_in.ROUTES, *style.ROUTES)
