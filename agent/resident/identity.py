"""Who this agent is: read at every start, and made once, by enrolling.

The resident loads the standard library alone; what enrolling needs is imported within `enrol`.
"""

import hashlib
import json
import os
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.resident.durable import make_folder, read_object, write_durably
from contract.enrol_code import EnrolCode, heard
from contract.errors import KINDS, FeldsherError

if TYPE_CHECKING:
    from contract.report import HostFacts

MACHINE_ID = Path("/etc/machine-id")
PROTOCOL = 1
_TIME_LIMIT_SECONDS = 20.0
_ANSWER_LIMIT_BYTES = 256 * 1024
_NOT_YET_VALID, _EXPIRED = 9, 10  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED


class Identity(NamedTuple):
    """What the collector knows this host by, and where the collector is."""

    host: str
    address: str
    port: int
    key: Path
    certificate: Path
    authority: Path

    def context(self) -> ssl.SSLContext:
        """Return how to speak to the collector: TLS 1.3, its own authority alone, and our certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            context.load_verify_locations(self.authority)
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise FeldsherError(
                "state-damaged",
                f"the identity of this machine cannot be used: {error.strerror or error}",
                where=str(self.key.parent),
                remedy="enrol again with a new code: feldsher enrol --replace CODE",
            ) from error
        return context


def load(state: Path, machine_id: Path = MACHINE_ID) -> Identity:
    """Return the identity kept in *state*.

    Raises `FeldsherError`: ``not-signed-in`` when there is none, ``state-damaged`` when it cannot be read, and
    ``identity-conflict`` when it was made on another machine: a copied disk must not speak in another's name.
    """
    folder = state / "identity"
    try:
        known = read_object(folder / "identity.json")
    except OSError as error:
        raise FeldsherError(
            "state-damaged", f"the identity of this machine cannot be read: {error.strerror}", where=str(folder)
        ) from error
    if known is None and not (folder / "identity.json").exists():
        raise FeldsherError(
            "not-signed-in",
            "this machine is not known to a collector yet",
            where=str(state),
            remedy="feldsher enrol CODE",
        )
    host, address = (known or {}).get("host"), (known or {}).get("address")
    if known is None or not isinstance(host, str) or not isinstance(address, str):
        raise FeldsherError(
            "state-damaged",
            "the identity of this machine cannot be read",
            where=str(folder / "identity.json"),
            remedy="enrol again with a new code: feldsher enrol --replace CODE",
        )
    here = machine_print(machine_id)
    if here and known.get("machine_id") and here != known["machine_id"]:
        raise FeldsherError(
            "identity-conflict",
            "this identity was made on another machine, as happens when a disk is copied; it is not used",
            where=str(folder),
            remedy="enrol this machine as itself: feldsher enrol --replace CODE",
        )
    name, port = split_address(address)
    return Identity(host, name, port, folder / "key.pem", folder / "certificate.pem", folder / "authority.pem")


def machine_print(machine_id: Path = MACHINE_ID) -> str:
    """Return a digest that is this machine's own; empty when the system keeps no id. The id itself never leaves."""
    try:
        words = machine_id.read_bytes().strip()
    except OSError:
        return ""
    return hashlib.sha256(b"feldsher machine id\0" + words).hexdigest() if words else ""


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of ``host:port`` or ``[v6]:port``. Raises `FeldsherError` ``enrol-code``."""
    name, colon, port = address.rpartition(":")
    if not colon or not name or not port.isascii() or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise FeldsherError("enrol-code", f"this is no address of a collector: {address!r}")
    return name.removeprefix("[").removesuffix("]"), int(port)


def enrol(
    words: str, state: Path, facts: "HostFacts", *, machine_id: Path = MACHINE_ID, replace: bool = False
) -> Identity:
    """Make this machine known to the collector that the code *words* names, and keep its identity in *state*.

    The collector's authority is checked against the code before the first byte of ours goes out. The key is made here,
    is on disk before the request, and never leaves; so the same command may be repeated when the answer was lost.

    Raises `FeldsherError` ``enrol-code``, ``not-trusted``, ``unreachable``, ``unexpected-answer``,
    ``already-enrolled`` or ``state-not-writable``.
    """
    code = heard(words)
    name, port = split_address(code.address)
    folder = state / "identity"
    try:
        _make_way(folder, replace=replace)
        key_pem = _key(folder / "key.pem")
    except OSError as error:
        raise _not_writable(state, error) from error
    authority = _authority(code, name, port)
    answer = _ask(code, name, port, authority, _request(code, key_pem, facts, machine_print(machine_id)))
    host, certificate = _checked(answer, key_pem, authority)
    known = {
        "host": host,
        "address": code.address,
        "machine_id": machine_print(machine_id),
        "authority_sha256": code.authority.hex(),
        "enrolled_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        write_durably(folder / "authority.pem", authority.encode())
        write_durably(folder / "certificate.pem", certificate.encode())
        # Last: where this file is, there is a whole identity.
        write_durably(folder / "identity.json", json.dumps(known, indent=1).encode())
        _give_to_owner_of(state, folder)
    except OSError as error:
        raise _not_writable(state, error) from error
    return load(state, machine_id)


def _make_way(folder: Path, *, replace: bool) -> None:
    # Anyone may pass through to the door; what is private lies in folders of its own.
    make_folder(folder.parent, 0o711)
    if (folder / "identity.json").exists():
        if not replace:
            raise FeldsherError(
                "already-enrolled",
                "this machine has an identity already",
                where=str(folder),
                remedy="to give it up and take a new one: feldsher enrol --replace CODE",
            )
        folder.rename(folder.with_name(f"identity.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"))
    make_folder(folder)


def _key(path: Path) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - the resident must not load it
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - the same

    if path.exists():
        return path.read_bytes()
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_durably(path, pem)
    return pem


def _authority(code: EnrolCode, name: str, port: int) -> str:
    """Return the authority's certificate, when the other end shows the one the code names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # Nothing is trusted on this connection, and nothing is said on it: it only fetches the chain to compare.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((name, port), _TIME_LIMIT_SECONDS) as line,
            context.wrap_socket(line, server_hostname=name) as secure,
        ):
            chain = _chain(secure)
    except OSError as error:
        raise _unreachable(name, port, error) from error
    for certificate in chain:
        if hashlib.sha256(certificate).digest() == code.authority:
            return ssl.DER_cert_to_PEM_cert(certificate)
    raise FeldsherError(
        "not-trusted",
        "what answers at this address is not the collector the code was made by",
        where=f"{name}:{port}",
        remedy="nothing was sent; ask the person who gave you the code whether the address is right",
    )


def _chain(secure: ssl.SSLSocket) -> list[bytes]:
    """Return the certificates the other end showed, in DER."""
    if hasattr(secure, "get_unverified_chain"):  # Python 3.13
        return list(secure.get_unverified_chain())
    # Before 3.13 the same call exists one layer down; tests/agent/resident/test_identity.py would notice its going.
    chain = secure._sslobj.get_unverified_chain() or []  # type: ignore[attr-defined]  # noqa: SLF001 - see above
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain]


def _request(code: EnrolCode, key_pem: bytes, facts: "HostFacts", machine: str) -> bytes:
    import msgspec  # noqa: PLC0415 - the resident must not load it
    from cryptography import x509  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - the same

    from contract.exchange import Enrol  # noqa: PLC0415 - the same

    try:
        key = serialization.load_pem_private_key(key_pem, None)
    except ValueError as error:
        raise FeldsherError(
            "state-damaged", "the key of an unfinished enrolment cannot be read", remedy="remove the folder identity"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise FeldsherError("weak-key", "the key of an unfinished enrolment is of another kind than ours")
    # The name is a courtesy for whoever reads the request; the collector gives the host its own.
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, (facts.name or "host")[:64])])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    pem = request.public_bytes(serialization.Encoding.PEM).decode()
    return msgspec.json.encode(Enrol(PROTOCOL, code.secret.hex(), pem, machine, facts))


def _ask(code: EnrolCode, name: str, port: int, authority: str, body: bytes) -> dict[str, Any]:
    """Send the request over a connection that trusts *authority* alone, and return the answer."""
    import http.client  # noqa: PLC0415 - the resident must not load it

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=authority)
    line = http.client.HTTPSConnection(name, port, timeout=_TIME_LIMIT_SECONDS, context=context)
    try:
        line.request("POST", "/v1/enrol", body, {"Content-Type": "application/json"})
        reply = line.getresponse()
        content = reply.read(_ANSWER_LIMIT_BYTES)
    except ssl.SSLCertVerificationError as error:
        raise FeldsherError(
            "not-trusted",
            f"the collector could not prove who it is: {error.verify_message}",
            where=code.address,
            remedy="check the date and time of this computer"
            if error.verify_code in (_NOT_YET_VALID, _EXPIRED)
            else "the collector's certificate must name this address",
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(name, port, error) from error
    finally:
        line.close()
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if reply.status == http.client.OK and isinstance(answer, dict):
        return answer
    raise _refusal(reply.status, answer, code.address)


def _refusal(status: int, answer: object, address: str) -> FeldsherError:
    problem = answer if isinstance(answer, dict) else {}
    slug, detail = problem.get("code"), problem.get("detail") or problem.get("title")
    if isinstance(slug, str) and slug in KINDS and isinstance(detail, str):
        remedy = "ask for a new code" if slug == "enrol-code" else ""
        return FeldsherError(slug, f"the collector says: {detail[:300]}", where=address, remedy=remedy)
    slug = "unreachable" if status in (502, 503, 504) else "unexpected-answer"
    return FeldsherError(slug, f"the collector answered {status}", where=address)


def _checked(answer: dict[str, Any], key_pem: bytes, authority_pem: str) -> tuple[str, str]:
    """Return host and certificate, when the certificate is for our key and from that authority."""
    from cryptography import x509  # noqa: PLC0415 - the resident must not load it
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - the same

    strange = FeldsherError("unexpected-answer", "the collector's answer does not hold a certificate for our key")
    host, pem = answer.get("host"), answer.get("certificate_pem")
    if not isinstance(host, str) or not host or not isinstance(pem, str):
        raise strange
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority_pem.encode()))
    except (ValueError, TypeError, InvalidSignature) as error:
        raise strange from error
    if certificate.public_key() != serialization.load_pem_private_key(key_pem, None).public_key():
        raise strange
    return host, pem


def _give_to_owner_of(state: Path, folder: Path) -> None:
    """Enrolled by root, run by an unprivileged user: the identity belongs to whoever owns the state."""
    owner = state.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        for path in [folder, *folder.iterdir()]:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _unreachable(name: str, port: int, error: Exception) -> FeldsherError:
    return FeldsherError(
        "unreachable",
        f"the collector does not answer: {getattr(error, 'strerror', None) or error}",
        where=f"{name}:{port}",
        remedy="check the network, then repeat the same command",
    )


def _not_writable(state: Path, error: OSError) -> FeldsherError:
    slug = "storage-full" if error.errno in (28, 122) else "state-not-writable"
    return FeldsherError(
        slug, f"the state folder cannot be written: {error.strerror}", where=str(state), remedy="use sudo, or --state"
    )
