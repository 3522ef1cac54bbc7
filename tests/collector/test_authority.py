"""The collector's own authority: whom it vouches for, and whom it does not."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from collector.authority import key_sha256, make_authority, make_server, open_authority, read_request
from contract.errors import FeldsherError
from tests.fakes.desk import request_of


def test_a_host_is_certified_in_our_name_for_it_not_its_own(tmp_path: Path) -> None:
    """A machine that could choose its name could choose another customer's."""
    authority = make_authority(tmp_path)
    request = read_request(request_of(ec.generate_private_key(ec.SECP256R1())))
    certificate = authority.certify_host(request, "h-1")
    [name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "h-1"
    assert certificate.public_key() == request.public_key()
    certificate.verify_directly_issued_by(authority.certificate)


def test_a_host_cannot_play_the_collector(tmp_path: Path) -> None:
    """One stolen machine would otherwise give orders to all."""
    certificate = make_authority(tmp_path).certify_host(
        read_request(request_of(ec.generate_private_key(ec.SECP256R1()))), "h"
    )
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256K1()),
        ec.generate_private_key(ec.SECP224R1()),
    ],
    ids=["rsa", "ed25519", "secp256k1", "p224"],
)
def test_a_key_of_a_weak_or_foreign_kind_is_refused(key: object) -> None:
    """An identity is worth what its key is worth."""
    with pytest.raises(FeldsherError) as refusal:
        read_request(request_of(key))
    assert refusal.value.slug == "weak-key"


def test_a_request_that_is_not_signed_by_its_own_key_is_refused() -> None:
    """Otherwise anyone could have another machine's key certified in a new name."""
    pem = request_of(ec.generate_private_key(ec.SECP256R1()))
    der = bytearray(x509.load_pem_x509_csr(pem.encode()).public_bytes(Encoding.DER))
    der[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM).decode()
    with pytest.raises(FeldsherError) as refusal:
        read_request(forged)
    assert refusal.value.slug == "schema"


@pytest.mark.parametrize(
    "pem", ["", "x", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"]
)
def test_what_is_no_request_is_refused_in_words(pem: str) -> None:
    """A stranger's bytes must not become our traceback."""
    with pytest.raises(FeldsherError) as refusal:
        read_request(pem)
    assert refusal.value.slug == "schema"


def test_the_same_key_has_the_same_name_in_every_request() -> None:
    """A host whose first answer was lost asks again, and must be recognised."""
    key = ec.generate_private_key(ec.SECP256R1())
    assert key_sha256(read_request(request_of(key))) == key_sha256(read_request(request_of(key)))


def test_an_authority_is_the_same_when_opened_again(tmp_path: Path) -> None:
    """Every enrolled agent pins it."""
    assert make_authority(tmp_path).fingerprint == open_authority(tmp_path).fingerprint


def test_only_we_can_read_the_key(tmp_path: Path) -> None:
    """Whoever reads it can be every machine's collector."""
    make_authority(tmp_path / "authority")
    assert stat.S_IMODE((tmp_path / "authority" / "key.pem").stat().st_mode) == 0o600


def test_an_authority_is_never_overwritten(tmp_path: Path) -> None:
    """A second init would cut off every enrolled machine for ever."""
    make_authority(tmp_path)
    with pytest.raises(FeldsherError, match="state-exists"):
        make_authority(tmp_path)


def test_a_damaged_authority_is_said_to_be_damaged(tmp_path: Path) -> None:
    """An administrator restores a backup, but only if told so."""
    (tmp_path / "key.pem").write_text("x")
    with pytest.raises(FeldsherError, match="state-damaged"):
        open_authority(tmp_path)


def test_the_server_is_known_by_name_and_by_address(tmp_path: Path) -> None:
    """Many a small site has no DNS name for its collector."""
    authority = make_authority(tmp_path / "a")
    make_server(authority, tmp_path / "s", ["desk.example", "127.0.0.1", "::1"])
    leaf = x509.load_pem_x509_certificate((tmp_path / "s" / "certificate.pem").read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["desk.example"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
