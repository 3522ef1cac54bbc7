"""What every page shares: language, the template's frame, headers that forbid what a page does not need, forms."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from collector import wording
from collector.parts import Parts
from collector.web import words
from contract.errors import FeldsherError
from contract.readable import percent, readable, span
from contract.sample import Sample
from contract.text import Language, Text

LANGUAGE_COOKIE = "__Host-feldsher-language"
FORM_BYTES = 64 * 1024
FORM_FIELDS = 20

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: under it a browser sends "Origin: null" with our own forms, and their origin is how we know them.
    # No other site is ever told where a person came from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def render(template: str, language: Language, **shown: object) -> str:
    """Return the page *template* in *language*; everything *shown* is text, whatever stands in it."""
    return environment(language).get_template(template).render(shown)


@cache
def environment(language: Language) -> Environment:
    """Return the templates, speaking *language*."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.globals["language"] = language
    templates.globals["w"] = SimpleNamespace(**{name: text.in_language(language) for name, text in words.PAGE.items()})
    for name in ("STATE", "SEVERITY", "SHAPE", "ONLINE", "ONLINE_SHAPE", "RISK", "ORDER"):
        templates.globals[name.lower()] = getattr(words, name)
    for name in ("VERDICT", "VERDICT_TONE", "STEP", "STEP_SHAPE"):
        templates.globals[name.lower() + "_of"] = getattr(words, name)
    templates.filters |= {
        "say": partial(_say, language),
        "amount": lambda sample: readable(sample.value, sample.unit, language),
        "named": lambda sample: wording.named(sample, language),
        "moment": lambda at: wording.moment(at, language),
        "span": lambda seconds: span(seconds, language),
        "percent": lambda ratio: percent(ratio, language),
        "ago": partial(_ago, language),
        "filled": lambda sentence, **values: _filled(sentence, values),
        "iso": lambda at: at.isoformat(timespec="seconds"),
        "is_ratio": is_ratio,
        "count_tickets": lambda count: words.count_tickets(count, language),
        "count_hosts": lambda count: words.count_hosts(count, language),
    }
    return templates


def language_of(request: Request) -> Language:
    """Return the language a person asked for: in the address, before that in a cookie, else as their browser says."""
    for asked in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if asked == "en":
            return "en"
        if asked == "ru":
            return "ru"
    return preferred(request.headers.get("accept-language", ""))


def preferred(accept_language: str) -> Language:
    """Return the better liked of our languages in the header *accept_language*; English when it names neither."""
    liked: dict[Language, float] = {}
    for part in accept_language[:1000].split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        main = tag.split("-")[0].strip().lower()
        for language in ("en", "ru"):
            if main == language:
                liked[language] = max(quality, liked.get(language, 0.0))
    return "ru" if liked.get("ru", 0.0) > liked.get("en", 0.0) else "en"


def page(request: Request, template: str, shown: Mapping[str, object], status: int = 200) -> Response:
    """Answer with the page *template*."""
    language = language_of(request)
    user = getattr(request.state, "user", None)
    common = {"user": user, "here": request.url.path, "now": clock_of(request)}
    content = render(template, language, **(common | dict(shown)))
    response = Response(content, status, HEADERS | {"Content-Language": language}, "text/html; charset=utf-8")
    if request.query_params.get("lang") == language:
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=365 * 86400, secure=True, httponly=True, samesite="strict"
        )
    return response


def turn_to(path: str) -> Response:
    """Answer a form by sending the browser to *path*, which it then asks for anew."""
    return RedirectResponse(path, 303, HEADERS)


def parts_of(request: Request) -> Parts:
    """Return the collector behind *request*."""
    parts: Parts = request.app.state.parts
    return parts


def clock_of(request: Request) -> datetime:
    """Return the collector's time."""
    return parts_of(request).clock()


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form that one of our own pages sent.

    Raises ``forbidden`` for another site's form, ``too-large``, ``unsupported-media`` and ``bad-request``.
    """
    # Where a form came from (Origin) is checked for every route at once; browsers that also say how are held to it.
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise FeldsherError("forbidden", "this form was sent by another site")
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise FeldsherError("unsupported-media", "this is not a form of ours")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > FORM_BYTES:
                raise FeldsherError("too-large", f"a form may carry {FORM_BYTES // 1024} KiB")
    except ClientDisconnect:
        raise FeldsherError("bad-request", "the form broke off") from None
    try:
        fields = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=FORM_FIELDS
        )
    except ValueError:
        raise FeldsherError("bad-request", "this is not a form of ours") from None
    form = dict(fields)
    if len(form) < len(fields):
        raise FeldsherError("bad-request", "the form says something twice")
    return form


def is_ratio(sample: Sample) -> bool:
    """Whether *sample* can be drawn as a bar from nothing to all."""
    return sample.unit == "1" and isinstance(sample.value, float) and 0 <= sample.value <= 1


def _finalize(value: Any) -> Any:
    # Escaping of markup follows by itself; what steers screens and hides text is no markup.
    return wording.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _say(language: Language, text: Text | None) -> str:
    return text.in_language(language) if text else ""


def _ago(language: Language, at: datetime, now: datetime) -> str:
    length = now - at
    if length < timedelta(seconds=10):
        return words.PAGE["just_now"].in_language(language)
    return _filled(words.PAGE["ago"].in_language(language), {"span": span(_whole(length), language)})


def _whole(length: timedelta) -> int:
    # "38 min ago" is enough; "38.4 min ago" would only look exact.
    seconds = int(length.total_seconds())
    unit = next((unit for unit in (86_400, 3_600, 60) if seconds >= unit), 1)
    return seconds - seconds % unit


def _filled(sentence: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        sentence = sentence.replace("{" + name + "}", value)
    return sentence
