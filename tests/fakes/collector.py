"""A collector of a few lines: real TLS on loopback, its own authority, and a script of misbehaviours."""

import json
import socket
import ssl
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from contract.enrol_code import EnrolCode

BEGINNING, NEVER = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
PATIENCE_SECONDS = 20.0
"""How long a test waits for something that should come at once."""


class Authority:
    """A certificate authority in memory."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test authority")])
        builder = self._builder(self.name, self.key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.certificate = builder.sign(self.key, hashes.SHA256())

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def fingerprint(self) -> bytes:
        return self.certificate.fingerprint(hashes.SHA256())

    def certify(self, key: Any, name: str, address: str | None = None) -> str:
        """Return a certificate in PEM for *key*; with *address* it is a server's."""
        builder = self._builder(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), key)
        if address:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def _builder(self, subject: x509.Name, key: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(BEGINNING)
            .not_valid_after(NEVER)
        )


@dataclass
class Behaviour:
    """How one request is answered instead of properly: a status, a raw body, headers, or nothing for a while."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False


@dataclass(frozen=True)
class Asked:
    """One exchange as it came."""

    message: dict[str, Any]
    connection: int
    host: str
    compressed: bool


class Collector:
    """Accepts items once by id, keeps the ledger of what came, and parks requests until there is an order."""

    def __init__(self, authority: Authority, folder: Path, *, shown: Authority | None = None) -> None:
        self.authority = authority
        self.changed = threading.Condition()
        self.asked: list[Asked] = []
        self.items: dict[str, dict[str, Any]] = {}
        self.times_seen: dict[str, int] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.ended: set[str] = set()
        self.script: list[Behaviour] = []
        self.refuse: dict[str, tuple[str, str]] = {}
        self.tickets: dict[str, str] = {}
        self.secrets: set[str] = set()
        self.enrolled_keys: list[bytes] = []
        self.first_bytes: list[bytes] = []
        self.parks = True
        self.keep_redelivering = False
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.collector = self
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "server.key").write_bytes(pem)
        chain = authority.certify(key.public_key(), "collector", "127.0.0.1") + (shown or authority).pem
        (folder / "server.pem").write_text(chain)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        context.load_verify_locations(cadata=authority.pem)
        context.verify_mode = ssl.CERT_OPTIONAL
        self._server.context = context
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(0.02), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def code(self, secret: bytes = b"0123456789abcdef") -> str:
        """Return an enrolment code that is good here."""
        self.secrets.add(secret.hex())
        return EnrolCode(self.address, secret, self.authority.fingerprint).spoken()

    def give(self, order: dict[str, Any]) -> None:
        """Queue an order and wake whoever is parked."""
        with self.changed:
            self.orders[order["id"]] = order
            self.changed.notify_all()

    def wait_until(self, holds: Callable[["Collector"], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until something came to hold here; fail loudly when it does not."""
        with self.changed:
            if not self.changed.wait_for(lambda: holds(self), seconds):
                raise AssertionError(f"it never came: {[sorted(one.message) for one in self.asked][-3:]}, {self.items}")

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Return the items of one kind, in the order they came."""
        return [item for item in self.items.values() if item["kind"] == kind]

    def close(self) -> None:
        """Stop serving and drop every connection."""
        self.closing.set()
        with self.changed:
            self.changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Take one exchange as a real collector does."""
        with self.changed:
            accepted, refused = [], []
            for item in asked["items"]:
                self.times_seen[item["id"]] = self.times_seen.get(item["id"], 0) + 1
                if item["id"] in self.refuse:
                    slug, detail = self.refuse[item["id"]]
                    refused.append({"id": item["id"], "slug": slug, "detail": detail})
                    continue
                self.items.setdefault(item["id"], item)
                accepted.append(item["id"])
                if item["kind"] == "evidence":
                    self.ended.add(item["body"]["order"])
            self.changed.notify_all()
            ready = self._ready(asked["have"])
            if not ready and self.parks and asked["wait_seconds"]:
                until = asked["wait_seconds"]
                self.changed.wait_for(lambda: self._ready(asked["have"]) or self.closing.is_set(), until)
                ready = self._ready(asked["have"])
            return {
                "protocol": 1,
                "now": datetime.now(UTC).isoformat(),
                "accepted": accepted,
                "refused": refused,
                "orders": ready,
                "tickets": {item: self.tickets[item] for item in accepted if item in self.tickets}
                | {item: "12" for item in accepted if item.startswith("plea-")},
                "reconnect_seconds": 0.2,
                "a_field_of_tomorrow": {"tolerated": True},
            }

    def _ready(self, have: list[str]) -> list[dict[str, Any]]:
        if self.keep_redelivering:
            return [order for name, order in self.orders.items() if name not in have]
        return [order for name, order in self.orders.items() if name not in have and name not in self.ended]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    collector: Collector
    context: ssl.SSLContext

    def get_request(self) -> tuple[socket.socket, Any]:
        line, address = super().get_request()
        return self.context.wrap_socket(line, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: agents that hang up are what is tested here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""

    def do_POST(self) -> None:
        collector = self.server.collector
        body = self.rfile.read(int(self.headers["Content-Length"]))
        compressed = self.headers.get("Content-Encoding") == "deflate"
        if compressed:
            body = zlib.decompress(body)
        if self.path == "/v1/enrol":
            self._enrol(collector, json.loads(body))
            return
        message = json.loads(body)
        assert isinstance(self.connection, ssl.SSLSocket)
        subject: Any = (self.connection.getpeercert() or {}).get("subject", ())
        host = subject[0][0][1] if subject else ""
        with collector.changed:
            collector.asked.append(Asked(message, id(self.connection), host, compressed))
            behaviour = collector.script.pop(0) if collector.script else None
            collector.changed.notify_all()
        if behaviour and behaviour.hang:
            collector.closing.wait(PATIENCE_SECONDS)
            self.close_connection = True
        elif behaviour:
            self._send(behaviour.status, behaviour.body, behaviour.headers)
        else:
            self._send(200, json.dumps(collector.answer(message)).encode(), {})

    def _enrol(self, collector: Collector, asked: dict[str, Any]) -> None:
        with collector.changed:
            behaviour = collector.script.pop(0) if collector.script else None
        if behaviour:
            self._send(behaviour.status, behaviour.body, behaviour.headers)
            return
        if asked["secret"] not in collector.secrets:
            problem = {"type": "about:blank", "title": "no", "status": 401, "code": "enrol-code", "detail": "used up"}
            self._send(401, json.dumps(problem).encode(), {"Content-Type": "application/problem+json"})
            return
        request = x509.load_pem_x509_csr(asked["request_pem"].encode())
        key = request.public_key()
        collector.enrolled_keys.append(
            key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        answer = {"host": "host-1", "certificate_pem": collector.authority.certify(key, "host-1")}
        self._send(200, json.dumps(answer).encode(), {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
