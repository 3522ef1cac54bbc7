"""What a person sees in their browser when something did not work."""

from starlette.requests import Request
from starlette.responses import Response

from collector.web.pages.frame import page
from collector.web.route import Endpoint
from contract.errors import FeldsherError


def in_words(endpoint: Endpoint) -> Endpoint:
    """Return *endpoint* so that its errors are a page for a browser, and stay problem documents for a program."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except FeldsherError as error:
            if "text/html" not in request.headers.get("accept", ""):
                raise
            shown = {"what": error.what, "remedy": error.remedy, "slug": error.slug}
            return page(request, "trouble.html", shown, error.kind.status)

    return answer
