"""The pages people see."""

from collector.web.route import Route

ROUTES: tuple[Route, ...] = ()
