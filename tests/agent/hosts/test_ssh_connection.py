"""Who is let in, who is believed, and what a server can do to us before that: on a real sshd, and on bad ones."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from agent.hosts.processes import run_to_end
from agent.hosts.ssh_address import PATIENCE, Address, Patience, Proof, Trust, read_address, read_fingerprint
from agent.hosts.ssh_connection import connect
from agent.hosts.ssh_known_hosts import fingerprint_of, look_up
from contract.errors import FeldsherError
from tests.fakes.sshd import Sshd, make_key, sshd

HURRY = Patience(*[timedelta(seconds=0.3)] * 3)
NOTHING = Trust()


def refused(address: Address, trust: Trust, proof: Proof, patience: Patience = PATIENCE) -> FeldsherError:
    begun = time.monotonic()
    with pytest.raises(FeldsherError) as told:
        connect(address, trust, proof, patience)
    assert time.monotonic() - begun < 20
    assert "\n" not in str(told.value)
    return told.value


def known(folder: Path, *lines: str) -> Trust:
    folder.mkdir(exist_ok=True)
    (folder / "known_hosts").write_text("\n".join(lines) + "\n")
    return Trust((folder / "known_hosts",))


def test_a_machine_nobody_has_vouched_for_is_not_believed(server: Sshd) -> None:
    """Whoever answers first would get the password and the repairs."""
    said = refused(server.address, NOTHING, server.proof)
    assert said.slug == "not-trusted"
    assert server.fingerprint in said.what
    assert f"--fingerprint {server.fingerprint}" in said.remedy
    said = refused(server.address, Trust((server.folder / "no such file",)), server.proof)
    assert "unknown" in said.what


def test_a_fingerprint_that_was_given_opens_and_another_does_not(server: Sshd) -> None:
    """The technician compared it by telephone: it counts, and it alone."""
    connect(server.address, server.trust, server.proof).close()
    said = refused(server.address, Trust(fingerprint="SHA256:" + "A" * 43), server.proof)
    assert said.slug == "not-trusted"
    assert server.fingerprint in said.what


def test_a_known_key_opens_and_a_changed_one_does_not(server: Sshd, tmp_path: Path) -> None:
    """A changed key is how a machine in the middle looks."""
    name = f"[127.0.0.1]:{server.port}"
    connect(server.address, known(tmp_path, f"{name} {server.host_key}"), server.proof).close()
    make_key(tmp_path / "other")
    other = (tmp_path / "other.pub").read_text()
    changed = known(tmp_path, f"{name} {other}")
    said = refused(server.address, changed, server.proof)
    assert said.slug == "not-trusted"
    assert "changed" in said.what
    assert f"ssh-keygen -R '{name}'" in said.remedy
    # A fingerprint does not overrule what is known: both must agree.
    assert "changed" in refused(server.address, Trust(changed.known_hosts, server.fingerprint), server.proof).what


def test_a_revoked_key_never_opens(server: Sshd, tmp_path: Path) -> None:
    """It was stolen: it says nothing about who holds it now."""
    trust = known(tmp_path, f"[127.0.0.1]:{server.port} {server.host_key}", f"@revoked * {server.host_key}")
    said = refused(server.address, trust, server.proof)
    assert (said.slug, "revoked" in said.what) == ("not-trusted", True)


def test_the_wrong_key_does_not_let_us_in(server: Sshd, tmp_path: Path) -> None:
    """The technician must hear that it is the sign-in, not the network."""
    make_key(tmp_path / "stranger")
    said = refused(server.address, server.trust, Proof(tmp_path / "stranger"))
    assert said.slug == "not-signed-in"


def test_a_wrong_password_is_not_repeated_anywhere(server: Sshd, caplog: pytest.LogCaptureFixture) -> None:
    """An error is copied into tickets."""
    secret = "пароль-Tr0ub4dor"
    with caplog.at_level(logging.DEBUG):
        said = refused(server.address, server.trust, Proof(password=secret))
    assert said.slug == "not-signed-in"
    assert secret not in f"{said}{caplog.text}{Proof(password=secret)!r}{server.log.read_text()}"


@pytest.mark.parametrize("content", ["", "no key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END"])
def test_a_file_that_is_no_key_is_named(server: Sshd, tmp_path: Path, content: str) -> None:
    """A public key given by mistake is the usual reason."""
    path = tmp_path / "key"
    path.write_text(content)
    said = refused(server.address, server.trust, Proof(path))
    assert (said.slug, said.where) == ("config", str(path))


def test_a_locked_key_says_what_to_do(server: Sshd, tmp_path: Path) -> None:
    """The passphrase is for the agent, not for us."""
    make_key(tmp_path / "locked", "-N", "long enough")
    said = refused(server.address, server.trust, Proof(tmp_path / "locked"))
    assert said.slug == "config"
    assert "passphrase" in said.what
    assert "ssh-add" in said.remedy


def test_a_server_with_old_ways_alone_is_refused(tmp_path: Path) -> None:
    """What it encrypts with can be read by others."""
    old = ("Ciphers aes128-cbc,3des-cbc", "MACs hmac-sha1")
    with sshd(tmp_path / "s", *old) as server:
        said = refused(server.address, server.trust, server.proof)
    assert said.slug == "not-trusted"
    assert "outdated" in said.what


def test_a_closed_port_and_a_name_that_is_none_are_told(tmp_path: Path) -> None:
    """The first thing to check is the cable and the address."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = Address("root", "127.0.0.1", closed.getsockname()[1])
    assert refused(address, NOTHING, Proof()).slug == "unreachable"


@contextmanager
def stranger(talk: Callable[[socket.socket], object]) -> Iterator[Address]:
    """Run a server that takes one connection and does *talk* with it."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with suppress(OSError):
                wire, _ = door.accept()
                with wire, suppress(OSError):
                    talk(wire)
                    wire.settimeout(20)
                    while wire.recv(65536):
                        pass

        serving = threading.Thread(target=serve)
        serving.start()
        yield Address("root", "127.0.0.1", door.getsockname()[1])
        serving.join(20)
        assert not serving.is_alive()


@pytest.mark.slow
def test_a_server_that_says_nothing_is_left_in_time() -> None:
    """One hung machine must not hold the technician for minutes."""
    with stranger(bool) as address:
        assert refused(address, NOTHING, Proof(), HURRY).slug in {"timeout", "unreachable"}


def test_a_banner_without_end_is_not_read_to_its_end() -> None:
    """A megabyte of greeting, or ten gigabytes."""

    def talk(wire: socket.socket) -> None:
        wire.sendall(b"x" * 1024 * 1024)

    with stranger(talk) as address:
        said = refused(address, NOTHING, Proof())
    assert said.slug == "unreachable"
    assert "without end" in said.what


@pytest.mark.parametrize(
    "words", [b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200, b"SSH-1.5-old\r\n", b"SSH-2.0-x\r\n\0\0\0\1"]
)
def test_what_does_not_speak_ssh_is_told(words: bytes) -> None:
    """A wrong port is the usual reason."""

    def talk(wire: socket.socket) -> None:
        wire.sendall(words)
        wire.shutdown(socket.SHUT_WR)

    with stranger(talk) as address:
        assert refused(address, NOTHING, Proof(), Patience(banner=timedelta(seconds=5))).slug in {
            "unreachable",
            "not-trusted",
        }


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ssh://root@pc-1", Address("root", "pc-1", 22)),
        ("ssh://иван@бухгалтерия:2222/", Address("иван", "бухгалтерия", 2222)),
        ("ssh://a.b@[::1]:22", Address("a.b", "::1", 22)),
    ],
)
def test_an_address_is_read_as_written(text: str, address: Address) -> None:
    """Names are as customers gave them."""
    assert read_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "root@pc", "ssh://pc", "ssh://root:secret@pc", "ssh://a@b:0", "ssh://a@b:65536", "ssh://a@-oX", "ssh://a@b/x"],
)
def test_what_is_no_address_is_refused_and_not_repeated(text: str) -> None:
    """Somebody will write the password into it."""
    with pytest.raises(FeldsherError) as told:
        read_address(text)
    assert told.value.slug == "usage"
    assert "secret" not in str(told.value)


def test_only_a_fingerprint_is_one() -> None:
    """An MD5 one, or half of one, would be compared with nothing."""
    whole = "SHA256:" + "a" * 43
    assert read_fingerprint(f" {whole}= ") == whole
    for text in ("", "SHA256:", "MD5:aa:bb", whole[:-1], "a" * 43):
        with pytest.raises(FeldsherError):
            read_fingerprint(text)


def test_known_hosts_is_read_as_ssh_reads_it() -> None:
    """The technician's own file must mean the same here."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS"
    named = Address("root", "PC-1.example.com")
    for line, hit in {
        f"pc-1.example.com {key}": True,
        f"*.example.com,!pc-2.example.com {key} a comment": True,
        f"*.example.com,!pc-1.* {key}": False,
        f"[pc-1.example.com]:2222 {key}": False,
        f"@cert-authority *.example.com {key}": False,
        f"# pc-1.example.com {key}": False,
        "pc-1.example.com ssh-ed25519 !!!": False,
        "pc-1.example.com": False,
        f"|1|broken {key}": False,
        f"|1|AAAA|AAAA {key}": False,
    }.items():
        assert bool(look_up(named, ["garbage\n" + line]).keys) is hit, line
    assert look_up(Address("x", "h", 2222), [f"[h]:2222 {key}"]).kinds == ("ssh-ed25519",)


def test_a_hashed_name_is_found(server: Sshd, tmp_path: Path) -> None:
    """Debian hashes every name in known_hosts."""
    path = tmp_path / "known_hosts"
    path.write_text(f"[127.0.0.1]:{server.port} {server.host_key}\n")
    assert run_to_end(("ssh-keygen", "-H", "-f", str(path)), time_limit=timedelta(seconds=20)).exit_code == 0
    assert path.read_text().startswith("|1|")
    connect(server.address, Trust((path,)), server.proof).close()


def test_a_fingerprint_is_the_one_that_ssh_keygen_shows(server: Sshd) -> None:
    """It is compared by eye, and by telephone."""
    shown = run_to_end(("ssh-keygen", "-lf", f"{server.folder}/host.pub"), time_limit=timedelta(seconds=20)).stdout
    assert server.fingerprint in shown.decode().split()
    assert fingerprint_of(b"").startswith("SHA256:")
