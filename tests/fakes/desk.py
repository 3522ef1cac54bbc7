"""A collector on a scratch store, driven by hand: its clock, its requests, its agents."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.types import ASGIApp, Message

from collector.bells import Bells
from collector.main import wire
from collector.parts import Parts
from collector.state import STORE, Settings, make_state
from collector.store.base import HOME, Host, Records, User
from collector.store.sqlite import SqliteStore
from collector.web.app import make_app
from contract.enrol_code import heard
from contract.exchange import PROTOCOL, Enrol, Exchange, Item, ItemKind, Plea, Vitals
from contract.finding import Finding, Severity
from contract.report import HostFacts, Report
from contract.sample import Sample
from contract.text import Text

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS = HostFacts("atlas", "linux", "debian", "12", "6.1", "systemd", "x86_64", elevated=True)
ADA = User(organisation=HOME, name="ada", role="technician", password_hash="-")
ROOT = User(organisation=HOME, name="root", role="administrator", password_hash="-")
FULL = Finding(
    rule="disk-full",
    where={"mount": "/"},
    severity=Severity.HIGH,
    confidence=0.9,
    title=Text("/ is almost full", "/ почти заполнен"),
    customer=Text("The disk is full.", "Диск заполнен."),
    technician=Text("1 % is left.", "Остался 1 %."),
)


@dataclass(slots=True)
class Clock:
    """Time that passes when it is told to."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.at

    def pass_by(self, length: timedelta) -> None:
        """Let time pass."""
        self.at += length


@dataclass(frozen=True, slots=True)
class Reply:
    """What the application answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def slug(self) -> str:
        """The slug of a problem document."""
        assert self.headers["content-type"] == "application/problem+json", self
        return str(self.json["code"])


@dataclass(frozen=True, slots=True)
class Collector:
    """A whole collector without a socket."""

    parts: Parts
    bells: Bells
    clock: Clock
    app: ASGIApp
    folder: Path
    tokens: dict[str, str] = field(default_factory=dict)

    async def ask(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        by: str = "",
        certificate: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Make one request; *by* signs in with that person's token, *certificate* is an agent's."""
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        sent = {"host": "desk.test", "content-type": "application/json", "content-length": str(len(raw))}
        if by:
            sent["authorization"] = f"Bearer {self.tokens[by]}"
        return await call(self.app, method, path, raw, headers=sent | dict(headers or {}), certificate=certificate)

    async def enrol(self, name: str = "atlas") -> "Agent":
        """Make a machine known, as it would itself."""
        code = heard(await self.parts.codes.make(HOME, "ada", self.clock()))
        key = ec.generate_private_key(ec.SECP256R1())
        pem = request_of(key)
        facts = msgspec.structs.replace(FACTS, name=name)
        enrolled = await self.parts.codes.enrol(
            Enrol(PROTOCOL, code.secret.hex(), pem, "m-1", facts), self.clock(), "127.0.0.1"
        )
        host = await self.parts.store.look(lambda records: records.host(HOME, enrolled.host))
        assert host is not None
        der = x509.load_pem_x509_certificate(enrolled.certificate_pem.encode()).public_bytes(Encoding.DER)
        return Agent(self, host, der)


@dataclass(frozen=True, slots=True)
class Agent:
    """An enrolled machine, as the wire sees it."""

    collector: Collector
    host: Host
    certificate: bytes

    async def post(self, *items: Item, instance: str = "start-1", have: tuple[str, ...] = (), wait: float = 0) -> Reply:
        """Post one exchange."""
        posted = Exchange(PROTOCOL, instance, list(items), list(have), wait)
        return await self.collector.ask("POST", "/v1/exchange", posted, certificate=self.certificate)


def an_item(name: str, kind: ItemKind, body: object, at: datetime = NOON) -> Item:
    """Return an item as the resident spools it."""
    return Item(name, kind, at, msgspec.Raw(body if isinstance(body, bytes) else msgspec.json.encode(body)))


def vitals(name: str) -> Item:
    """Return a minute's vitals."""
    return an_item(name, "vitals", Vitals(NOON, (Sample("system.cpu.utilization", 0.1, "1"),)))


def a_report(*findings: Finding, why: str = "schedule", at: datetime = NOON, **more: Any) -> Report:
    """Return a look that judged every rule these tests know."""
    whole = {"rules": ("disk-full", "memory-short")} | more
    return Report(at=at, took_seconds=1, why=why, host=FACTS, samples=(), findings=findings, **whole)  # type: ignore[arg-type]  # why is one of its words


def a_plea(*findings: Finding, words: str = "everything is slow") -> Plea:
    """Return a person's call for help."""
    return Plea(NOON, "slow", words, a_report(*findings, why="person"))


def request_of(key: Any) -> str:
    """Return a certificate request signed by *key*."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "whatever")])
    algorithm = None if "ed25519" in type(key).__module__.lower() or "Ed25519" in type(key).__name__ else SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, algorithm)
    return request.public_bytes(Encoding.PEM).decode()


def open_collector(folder: Path, settings: Settings | None = None) -> Collector:
    """Return a collector on a new state in *folder*, with a technician and an administrator signed in."""
    authority = make_state(folder, "desk.test:8443", ["desk.test", "127.0.0.1"])
    clock = Clock()
    store = SqliteStore(folder / STORE)
    parts, bells = wire(store, authority, settings or Settings("desk.test:8443", ("desk.test",)), clock)
    return Collector(parts, bells, clock, make_app(parts), folder)


async def let_in(collector: Collector, *people: User) -> None:
    """Keep *people* and give each a session."""

    def add(records: Records) -> None:
        for user in people:
            token = f"token-of-{user.name}"
            records.add_user(user)
            records.add_session(sha256(token.encode()).hexdigest(), user.name, collector.clock() + timedelta(days=365))
            collector.tokens[user.name] = token

    await collector.parts.store.change(add)


async def call(  # noqa: PLR0913 - the parts of a request
    app: ASGIApp,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    headers: Mapping[str, str] | None = None,
    certificate: bytes | None = None,
) -> Reply:
    """Send one request through *app* and return its answer; a mistake of ours is raised as well as answered."""
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8443),
        "state": {"client_cert": certificate},
    }
    sent: list[Message] = []
    unread = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if unread:
            return unread.pop()
        return await _never()

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    shown = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Reply(start["status"], shown, b"".join(message.get("body", b"") for message in rest))


async def _never() -> Message:
    message: Message = await asyncio.get_running_loop().create_future()
    return message
