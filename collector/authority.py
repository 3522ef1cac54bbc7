"""The collector's own authority: it vouches for the server to agents, and for agents to the server.

Nobody outside has to be asked, and an agent knows our authority by the fingerprint in its enrolment code. No
certificate here ever expires: a host whose clock is years off must still be able to call for help, one that slept for
two years must not be stranded, and who may no longer enter is a row in the store, looked up at every request.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contract.errors import FeldsherError

REQUEST_CHARACTERS = 16_384
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
# RFC 5280, 4.1.2.5: the date that means "no well-defined expiration".
_NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_CURVES = (ec.SECP256R1, ec.SECP384R1)


@dataclass(frozen=True, slots=True)
class Authority:
    """A key that signs, and the certificate that says so."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def fingerprint(self) -> bytes:
        """The SHA-256 of the certificate's DER: what an enrolment code pins."""
        return self.certificate.fingerprint(SHA256())

    @property
    def pem(self) -> str:
        """The certificate, as agents and technicians' tools keep it."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def certify_host(self, request: x509.CertificateSigningRequest, host: str) -> x509.Certificate:
        """Return a client certificate for the key of *request* (see `read_request`), in the name *host*.

        What the request says of itself, its subject and extensions, is ignored.
        """
        names = _certificate(request.public_key(), host, issuer=self.certificate.subject)
        names = names.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        # Not server_auth: a stolen host key must not be able to play the collector to other hosts.
        names = names.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        return self._sign(names)

    def certify_server(self, key: ec.EllipticCurvePublicKey, names: Sequence[str]) -> x509.Certificate:
        """Return a server certificate for *key*, good for every one of *names*: DNS names and addresses."""
        builder = _certificate(key, "Feldsher collector", issuer=self.certificate.subject)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        return self._sign(builder)

    def _sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return builder.add_extension(ours, critical=False).sign(self.key, SHA256())


def make_authority(folder: Path) -> Authority:
    """Make a new authority and keep it in *folder*; raises `FeldsherError` ``state-exists`` over an old one."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _certificate(key.public_key(), "Feldsher authority", issuer=None)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(
        key_cert_sign=True,
        crl_sign=True,
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = builder.add_extension(usage, critical=True).sign(key, SHA256())
    _keep(folder, key, certificate.public_bytes(Encoding.PEM))
    return Authority(key, certificate)


def open_authority(folder: Path) -> Authority:
    """Return the authority kept in *folder*; raises `FeldsherError` ``state-damaged`` when it cannot be read."""
    try:
        key = load_pem_private_key((folder / "key.pem").read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise FeldsherError("state-damaged", "the authority cannot be read", where=str(folder)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise FeldsherError("state-damaged", "the authority's key is of a foreign kind", where=str(folder))
    return Authority(key, certificate)


def make_server(authority: Authority, folder: Path, names: Sequence[str]) -> None:
    """Make the server's key and certificate in *folder*: ``certificate.pem`` is the leaf, then the authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = authority.certify_server(key.public_key(), names)
    _keep(folder, key, leaf.public_bytes(Encoding.PEM) + authority.pem.encode())


def read_request(pem: str) -> x509.CertificateSigningRequest:
    """Return the certificate request, once its sender has proved to hold the key, and the key is of a kind we trust.

    Raises `FeldsherError` ``schema`` when it is no request or not signed by its own key, ``weak-key`` for the kind.
    """
    if len(pem) > REQUEST_CHARACTERS:
        raise FeldsherError("limit", f"the certificate request is longer than {REQUEST_CHARACTERS} characters")
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key = request.public_key()
        # Only these: `cryptography` verifies forged signatures under small-order Ed25519 keys, and RSA comes in
        # too many strengths to argue about.
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, _CURVES):
            raise FeldsherError("weak-key", "a host's key must be on the curve P-256 or P-384")
        proved = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature, UnicodeEncodeError) as error:
        raise FeldsherError("schema", "this is not a certificate request", where="request_pem") from error
    if not proved:
        raise FeldsherError("schema", "the request is not signed with the key it names", where="request_pem")
    return request


def key_sha256(request: x509.CertificateSigningRequest) -> str:
    """Return the name of the key in *request*: the SHA-256 of its DER, in hexadecimal."""
    spki = request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(spki).hexdigest()


def certificate_sha256(der: bytes) -> str:
    """Return the name of a certificate: the SHA-256 of its DER, in hexadecimal."""
    return sha256(der).hexdigest()


def _certificate(key: CertificatePublicKeyTypes, name: str, *, issuer: x509.Name | None) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGINNING)
        .not_valid_after(_NEVER)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _keep(folder: Path, key: ec.EllipticCurvePrivateKey, certificate: bytes) -> None:
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in (("key.pem", secret), ("certificate.pem", certificate)):
            # O_EXCL and 0600 from the first moment: there is no instant at which others may read the key.
            with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
    except FileExistsError as error:
        raise FeldsherError("state-exists", "there is a key already", where=str(folder)) from error
    except OSError as error:
        raise FeldsherError("state-not-writable", str(error.strerror), where=str(folder)) from error
