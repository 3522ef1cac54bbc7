"""Enrolling, over real TLS on loopback; and reading the identity at every start."""

import json
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.resident.identity import enrol, load, machine_print, split_address
from contract.enrol_code import EnrolCode, heard
from contract.errors import FeldsherError
from contract.report import HostFacts
from tests.fakes.collector import Authority, Behaviour, Collector


def slug_of(error: pytest.ExceptionInfo[FeldsherError]) -> str:
    return error.value.slug


def test_a_good_code_makes_an_identity_that_only_its_owner_reads(
    collector: Collector, tmp_path: Path, facts: HostFacts, machine_id: Path
) -> None:
    """The key is the host: whoever has it speaks in its name."""
    identity = enrol(collector.code(), tmp_path / "state", facts, machine_id=machine_id)
    assert (identity.host, f"{identity.address}:{identity.port}") == ("host-1", collector.address)
    assert stat.S_IMODE(identity.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(identity.key.parent.stat().st_mode) == 0o700
    assert load(tmp_path / "state", machine_id) == identity
    assert identity.context().minimum_version is ssl.TLSVersion.TLSv1_3


def test_the_machines_own_id_never_leaves_it(machine_id: Path) -> None:
    """machine-id(5) asks for that."""
    known = machine_print(machine_id)
    assert len(known) == 64
    assert machine_id.read_text().strip() not in known
    assert machine_print(machine_id.with_name("none")) == ""


@pytest.mark.parametrize("code", ["", "FSH1-", "hello", "FSH1-AAAAA-BBBBB"])
def test_a_mistyped_code_is_said_to_be_mistyped(code: str, tmp_path: Path, facts: HostFacts) -> None:
    """Not used up, not wrong address: look at what you typed."""
    with pytest.raises(FeldsherError) as error:
        enrol(code, tmp_path, facts)
    assert slug_of(error) == "enrol-code"


def test_a_code_that_is_used_up_is_refused_by_the_collector(
    collector: Collector, tmp_path: Path, facts: HostFacts
) -> None:
    """The person needs a new one, and is told so."""
    code = collector.code()
    collector.secrets.clear()
    with pytest.raises(FeldsherError, match="ask for a new code") as error:
        enrol(code, tmp_path, facts)
    assert slug_of(error) == "enrol-code"
    assert not (tmp_path / "identity" / "identity.json").exists()


class Impostor:
    """Speaks TLS with a certificate of its own, and remembers whether anything was said to it."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        helper = folder / "impostor"
        helper.mkdir()
        collector = Collector(authority, helper)
        collector.close()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(helper / "server.pem", helper / "server.key")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.said = b""
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def _serve(self) -> None:
        line, _ = self.listener.accept()
        with line, self.context.wrap_socket(line, server_side=True) as secure:
            try:
                self.said = secure.recv(65536)
            except OSError:
                return


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[Impostor]:
    impostor = Impostor(tmp_path, Authority())
    yield impostor
    impostor.thread.join(20)
    impostor.listener.close()


def test_an_impostor_hears_not_one_byte(impostor: Impostor, tmp_path: Path, facts: HostFacts) -> None:
    """The code's secret must never be told to whoever sits at the address."""
    code = EnrolCode(impostor.address, b"0123456789abcdef", Authority().fingerprint).spoken()
    with pytest.raises(FeldsherError, match="nothing was sent") as error:
        enrol(code, tmp_path / "state", facts)
    impostor.thread.join(20)
    assert slug_of(error) == "not-trusted"
    assert impostor.said == b""


def test_one_who_merely_shows_the_right_authority_is_not_believed(
    tmp_path: Path, facts: HostFacts, authority: Authority
) -> None:
    """Certificates are public: anyone can show the real one beside their own."""
    folder = tmp_path / "c"
    folder.mkdir()
    collector = Collector(Authority(), folder, shown=authority)
    code = EnrolCode(collector.address, b"0123456789abcdef", authority.fingerprint).spoken()
    try:
        with pytest.raises(FeldsherError) as error:
            enrol(code, tmp_path / "state", facts)
    finally:
        collector.close()
    assert slug_of(error) == "not-trusted"
    assert not collector.enrolled_keys


def test_a_certificate_for_another_address_is_not_believed(
    collector: Collector, tmp_path: Path, facts: HostFacts
) -> None:
    """A host that was enrolled could otherwise play the collector."""
    told = heard(collector.code())
    code = told._replace(address=told.address.replace("127.0.0.1", "localhost")).spoken()
    with pytest.raises(FeldsherError) as error:
        enrol(code, tmp_path, facts)
    assert slug_of(error) == "not-trusted"
    assert not collector.enrolled_keys


def test_nobody_at_the_address(tmp_path: Path, facts: HostFacts) -> None:
    """The person is told to look at the network, not at the code."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    code = EnrolCode(address, b"0123456789abcdef", b"f" * 32).spoken()
    with pytest.raises(FeldsherError) as error:
        enrol(code, tmp_path, facts)
    assert slug_of(error) == "unreachable"


def test_after_a_lost_answer_the_same_command_goes_on_with_the_same_key(
    collector: Collector, tmp_path: Path, facts: HostFacts
) -> None:
    """A code is good once: only the same key may use it again."""
    code = collector.code()
    collector.script = [Behaviour(status=502)]
    with pytest.raises(FeldsherError):
        enrol(code, tmp_path, facts)
    key = (tmp_path / "identity" / "key.pem").read_bytes()
    enrol(code, tmp_path, facts)
    assert (tmp_path / "identity" / "key.pem").read_bytes() == key


def test_an_enrolled_machine_is_not_enrolled_again_by_accident(
    collector: Collector, tmp_path: Path, facts: HostFacts
) -> None:
    """Its tickets would be left behind."""
    enrol(collector.code(), tmp_path, facts)
    before = (tmp_path / "identity" / "identity.json").read_bytes()
    with pytest.raises(FeldsherError, match="--replace") as error:
        enrol(collector.code(), tmp_path, facts)
    assert slug_of(error) == "already-enrolled"
    assert (tmp_path / "identity" / "identity.json").read_bytes() == before
    enrol(collector.code(), tmp_path, facts, replace=True)
    assert len(set(collector.enrolled_keys)) == 2


@pytest.mark.parametrize(
    "body", [b"{}", b'{"host": "h", "certificate_pem": "x"}', b"nonsense", b'{"host": 1, "certificate_pem": 2}']
)
def test_an_answer_without_our_certificate_is_not_kept(
    collector: Collector, tmp_path: Path, facts: HostFacts, body: bytes
) -> None:
    """Half an identity is worse than none."""
    collector.script = [Behaviour(body=body)]
    with pytest.raises(FeldsherError) as error:
        enrol(collector.code(), tmp_path, facts)
    assert slug_of(error) == "unexpected-answer"
    assert not (tmp_path / "identity" / "identity.json").exists()


def test_a_certificate_for_another_key_is_not_kept(collector: Collector, tmp_path: Path, facts: HostFacts) -> None:
    """It would never be able to speak."""
    other = collector.authority.certify(Authority().key.public_key(), "host-1")
    collector.script = [Behaviour(body=json.dumps({"host": "host-1", "certificate_pem": other}).encode())]
    with pytest.raises(FeldsherError) as error:
        enrol(collector.code(), tmp_path, facts)
    assert slug_of(error) == "unexpected-answer"


def test_a_state_that_cannot_be_written_is_said_before_anyone_is_asked(tmp_path: Path, facts: HostFacts) -> None:
    """A code must not be spent for nothing."""
    (tmp_path / "file").write_text("")
    code = EnrolCode("127.0.0.1:1", b"0123456789abcdef", b"f" * 32).spoken()
    with pytest.raises(FeldsherError) as error:
        enrol(code, tmp_path / "file" / "state", facts)
    assert slug_of(error) == "state-not-writable"


def test_a_copied_disk_does_not_speak_in_anothers_name(
    collector: Collector, tmp_path: Path, facts: HostFacts, machine_id: Path
) -> None:
    """Golden images are copied with everything on them."""
    enrol(collector.code(), tmp_path, facts, machine_id=machine_id)
    machine_id.write_text("fedcba9876543210fedcba9876543210\n")
    with pytest.raises(FeldsherError, match="--replace") as error:
        load(tmp_path, machine_id)
    assert slug_of(error) == "identity-conflict"


@pytest.mark.parametrize(
    ("content", "slug"), [(None, "not-signed-in"), ("{", "state-damaged"), ("{}", "state-damaged")]
)
def test_what_is_wrong_with_an_identity_is_said(tmp_path: Path, content: str | None, slug: str) -> None:
    """Not known yet and damaged ask for different acts."""
    (tmp_path / "identity").mkdir()
    if content is not None:
        (tmp_path / "identity" / "identity.json").write_text(content)
    with pytest.raises(FeldsherError) as error:
        load(tmp_path)
    assert slug_of(error) == slug


def test_a_damaged_key_is_said(collector: Collector, tmp_path: Path, facts: HostFacts) -> None:
    """Rather than a traceback every five seconds."""
    identity = enrol(collector.code(), tmp_path, facts)
    identity.key.write_text("")
    with pytest.raises(FeldsherError) as error:
        identity.context()
    assert slug_of(error) == "state-damaged"


@pytest.mark.parametrize(
    ("address", "parts"),
    [("a.example:8443", ("a.example", 8443)), ("[::1]:1", ("::1", 1)), ("10.0.0.1:65535", ("10.0.0.1", 65535))],
)
def test_addresses(address: str, parts: tuple[str, int]) -> None:
    """Names, numbers, and numbers of the new kind."""
    assert split_address(address) == parts


@pytest.mark.parametrize("address", ["", "a", "a:", ":1", "a:0", "a:65536", "a:x", "a:١"])
def test_what_is_no_address(address: str) -> None:
    """A code is checked whole, but made by people too."""
    with pytest.raises(FeldsherError):
        split_address(address)
