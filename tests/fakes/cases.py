"""A ticket as a day at a support desk makes it, for pages and terminals to show."""

from datetime import UTC, datetime, timedelta

from collector.store.base import Entry, EntryKind, Host, OrderRecord, OrderState, Ticket, TicketState, User
from collector.web.pages.ticket import Case
from contract.evidence import BeforeAfter, Evidence, StepEnd, StepEvidence, Verdict
from contract.exchange import Vitals
from contract.finding import Finding, Held, Severity, Sign
from contract.order import Order
from contract.report import HostFacts, NotSeen, Report
from contract.sample import Sample
from contract.text import Text

NOW = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
PLACE = {"pid": "4711", "program": "indexer", "started": "8812"}
TITLE = Text("Program indexer takes a whole processor core", "Программа indexer занимает целое ядро процессора")

FACTS = HostFacts(
    name="pc-0042",
    os="linux",
    family="debian",
    version="12",
    kernel="6.1.0-25-amd64",
    init="systemd",
    arch="x86_64",
    elevated=True,
)
HOST = Host(
    organisation="home",
    id="h-7k2qx9",
    name="pc-0042",
    facts=FACTS,
    certificate_sha256="9b1e" * 16,
    machine_id="m1",
    enrolled_at=NOW - timedelta(days=30),
    seen_at=NOW - timedelta(seconds=20),
)
USER = User(organisation="home", name="ada", role="technician", password_hash="-")

FINDING = Finding(
    rule="program-runs-away",
    where=PLACE,
    severity=Severity.HIGH,
    confidence=0.97,
    title=TITLE,
    customer=Text(
        "One program has been computing without a pause and slows everything else down.",
        "Одна программа считает без остановки и тормозит всё остальное.",
    ),
    technician=Text(
        "Process 4711 (indexer) uses 0.99 of a core, has done so for all of its life, and neither reads nor writes.",
        "Процесс 4711 (indexer) занимает 0,99 ядра всё время своей жизни, ничего не читая и не записывая.",
    ),
    signs=(
        Sign("a", Held.YES, 3, Text("it never pauses", "она не делает пауз")),
        Sign("b", Held.YES, 2, Text("it has been so since it started", "так с самого запуска")),
        Sign("c", Held.NO, -2, Text("it reads or writes a lot", "она много читает или пишет")),
        Sign("d", Held.UNKNOWN, 1, Text("memory grows", "память растёт"), ("process.memory.usage",)),
    ),
    remedy=("end-runaway-program",),
    learn="program-runs-away",
    since=NOW - timedelta(minutes=40),
)
SHADOW = Finding(
    rule="cpu-busy",
    where={},
    severity=Severity.MEDIUM,
    confidence=1.0,
    title=Text("The processor is busy", "Процессор занят"),
    customer=Text("Slow.", "Медленно."),
    technician=Text("Busy.", "Занят."),
    explained_by=(FINDING.key,),
)
REPORT = Report(
    at=NOW - timedelta(minutes=2),
    took_seconds=1.2,
    why="schedule",
    host=FACTS,
    samples=(Sample("process.cpu_cores", 0.99, "{cpu}", PLACE),),
    findings=(FINDING, SHADOW),
    rules=("program-runs-away", "cpu-busy"),
    not_seen=(NotSeen("journal", "not-allowed", "journalctl: no permission"),),
)
QUIET = Report(
    at=NOW, took_seconds=0.8, why="repair", host=FACTS, samples=(), findings=(), rules=("program-runs-away", "cpu-busy")
)
TICKET = Ticket(
    organisation="home",
    number=12,
    host=HOST.id,
    cause=FINDING.key,
    title=TITLE,
    severity=Severity.HIGH,
    state=TicketState.OPEN,
    opened_at=NOW - timedelta(minutes=38),
    changed_at=NOW - timedelta(minutes=2),
    words="всё тормозит с пятницы",
)
ORDER = Order(
    id="o-1",
    kind="repair",
    host=HOST.id,
    by="ada",
    not_before=NOW,
    not_after=NOW + timedelta(hours=4),
    playbook="end-runaway-program",
    playbook_sha256="0" * 64,
    params={"pid": 4711},
    ticket="12",
)
EVIDENCE = Evidence(
    order="o-1",
    host=HOST.id,
    playbook="end-runaway-program",
    version="1.0.0",
    ticket="12",
    started=NOW,
    ended=NOW + timedelta(seconds=4.5),
    verdict=Verdict.FIXED,
    steps=(
        StepEvidence(
            name="Ask the program to end",
            end=StepEnd.DONE,
            did=("process.end 4711 (indexer)",),
            output="ended by SIGTERM",
            started=NOW,
            ended=NOW + timedelta(seconds=1.2),
        ),
        StepEvidence(name="Lower its priority", end=StepEnd.NOTHING_TO_DO),
    ),
    measured=(
        BeforeAfter(Sample("process.cpu_cores", 0.99, "{cpu}", PLACE), None),
        BeforeAfter(Sample("system.cpu.utilization", 0.56, "1"), Sample("system.cpu.utilization", 0.04, "1")),
    ),
    findings_before=(FINDING,),
    tell=Text("The computer is quick again.", "Компьютер снова работает быстро."),
)
PLAN = Evidence(
    order="o-0",
    host=HOST.id,
    playbook="end-runaway-program",
    version="1.0.0",
    started=NOW,
    ended=NOW + timedelta(seconds=1),
    verdict=Verdict.PLANNED,
    steps=(StepEvidence(name="Ask the program to end", end=StepEnd.WOULD_DO, did=("process.end 4711 (indexer)",)),),
    findings_before=(FINDING,),
)
RECORD = OrderRecord(
    order=ORDER, state=OrderState.ENDED, created_at=NOW, changed_at=NOW + timedelta(seconds=5), evidence=EVIDENCE
)
QUEUED = OrderRecord(order=ORDER, state=OrderState.QUEUED, created_at=NOW, changed_at=NOW)
ENTRIES = (
    Entry(
        number=1,
        at=NOW - timedelta(minutes=38),
        kind=EntryKind.OPENED,
        by="feldsher",
        text=Text("Found: " + TITLE.en, "Найдено: " + TITLE.ru),
        attachment="report-1.json",
    ),
    Entry(
        number=2,
        at=NOW - timedelta(minutes=5),
        kind=EntryKind.NOTE,
        by="ada",
        text=Text("Called back.\nNobody there.", "Перезвонила.\nНикто не ответил."),
    ),
    Entry(
        number=3,
        at=NOW,
        kind=EntryKind.ORDERED,
        by="ada",
        text=Text("Ordered: end-runaway-program.", "Назначено: end-runaway-program."),
    ),
    Entry(
        number=4,
        at=NOW + timedelta(seconds=5),
        kind=EntryKind.EVIDENCE,
        by="pc-0042",
        text=Text(
            "Fixed. Processor in use: 56% before, 4% after.", "Исправлено. Загрузка процессора: было 56 %, стало 4 %."
        ),
        attachment="evidence-o-1.json",
    ),
)
OPEN_CASE = Case(TICKET, HOST, ENTRIES[:2], (), ("report-1.json",), (REPORT,))
FIXED_TICKET = Ticket(
    organisation="home",
    number=12,
    host=HOST.id,
    cause=FINDING.key,
    title=TITLE,
    severity=Severity.HIGH,
    state=TicketState.FIXED,
    opened_at=NOW - timedelta(minutes=38),
    changed_at=NOW + timedelta(seconds=5),
    words="всё тормозит с пятницы",
)
FIXED_CASE = Case(FIXED_TICKET, HOST, ENTRIES, (RECORD,), ("report-1.json", "evidence-o-1.json"), (QUIET, REPORT))
VITALS = tuple(
    Vitals(
        at=NOW - timedelta(minutes=60 - minute),
        samples=(
            Sample("system.cpu.utilization", 0.05 + (0.5 if minute > 20 else 0.0) + (minute * 7 % 11) / 200, "1"),
            Sample("system.memory.utilization", 0.4 + (minute * 3 % 7) / 300, "1"),
            Sample("system.linux.memory.available", 9_000_000_000 - minute * 10_000_000, "By"),
        ),
    )
    for minute in range(60)
)
