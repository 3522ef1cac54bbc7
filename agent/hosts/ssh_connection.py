"""One SSH connection: reached, the machine's key checked, then ourselves proven. Nothing is trusted by itself.

The socket is ours, with ``TCP_NODELAY``: without it each question waits for the answer to the one before.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import paramiko

from agent.hosts.ssh_address import PATIENCE, Address, Patience, Proof, Trust
from agent.hosts.ssh_known_hosts import check, look_up
from contract.errors import FeldsherError
from contract.readable import printable

KEEPALIVE = timedelta(seconds=15)
UNANSWERED = timedelta(seconds=30)
MOST_BEFORE_SIGN_IN_BYTES = 64 * 1024
"""More than any server says before we have signed in; a banner without end stops here."""
# What is good enough today. All else that the library knows (*-cbc, hmac-md5, hmac-sha1, ssh-rsa, sha1) is off.
KEX = (
    *("mlkem768x25519-sha256", "curve25519-sha256@libssh.org"),
    *("ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"),
    *("diffie-hellman-group16-sha512", "diffie-hellman-group-exchange-sha256", "diffie-hellman-group14-sha256"),
)
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
KEYS = (
    *("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    *("rsa-sha2-512", "rsa-sha2-256"),
)
_OWN_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
# Servers close the door after six.
_MOST_KEYS = 5
_LOG = "feldsher.ssh"


def connect(address: Address, trust: Trust, proof: Proof, patience: Patience = PATIENCE) -> paramiko.Transport:
    """Return a connection that is up, to the machine that was meant, signed in. `FeldsherError` else.

    Slugs: ``unreachable``, ``timeout``, ``not-trusted``, ``not-signed-in``, ``config``.
    """
    known = look_up(address, [_text_of(path) for path in trust.known_hosts])
    # The library tells what it meets on standard error, and some of that comes from strangers.
    log = logging.getLogger(_LOG)
    log.addHandler(logging.NullHandler())
    log.propagate = False
    transport = paramiko.Transport(
        _Line(_reach(address, patience.connect)), disabled_algorithms={"pubkeys": ["ssh-rsa"]}
    )
    try:
        transport.set_log_channel(_LOG)
        transport.banner_timeout = transport.handshake_timeout = patience.banner.total_seconds()
        _choose(transport, known.kinds)
        _agree(transport, address, patience.banner)
        key = transport.get_remote_server_key()
        check(address, key.get_name(), key.asbytes(), known, trust.fingerprint)
        _sign_in(transport, address, proof, patience.sign_in)
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(int(KEEPALIVE.total_seconds()))
    return transport


class _Line:
    """Our socket, as the library uses it: what comes before we have signed in has a bound."""

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        self._left_bytes: int | None = MOST_BEFORE_SIGN_IN_BYTES

    def recv(self, most: int) -> bytes:
        part = self._wire.recv(most)
        if self._left_bytes is not None:
            self._left_bytes -= len(part)
            if self.said_too_much:
                return b""  # as if it had ended
        return part

    @property
    def said_too_much(self) -> bool:
        return self._left_bytes is not None and self._left_bytes < 0

    def signed_in(self) -> None:
        self._left_bytes = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._wire, name)


def _reach(address: Address, limit: timedelta) -> socket.socket:
    try:
        wire = socket.create_connection((address.host, address.port), timeout=limit.total_seconds())
    except TimeoutError as error:
        raise FeldsherError("unreachable", "no answer", where=_place(address)) from error
    except (OSError, UnicodeError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise FeldsherError("unreachable", words.lower(), where=_place(address)) from error
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNANSWERED.total_seconds() * 1000))
    return wire


def _agree(transport: paramiko.Transport, address: Address, limit: timedelta) -> None:
    event = threading.Event()
    transport.start_client(event=event)
    if not event.wait(limit.total_seconds()):
        raise FeldsherError("timeout", "it took the connection, then said nothing of SSH", where=_place(address))
    if not transport.is_active():
        raise _no_agreement(transport, address)


def _choose(transport: paramiko.Transport, known_kinds: tuple[str, ...]) -> None:
    """Leave only what is good enough; ask for a host key of a kind that we know first."""
    options = transport.get_security_options()
    options.kex = [name for name in options.kex if name in KEX]
    options.ciphers = [name for name in CIPHERS if name in options.ciphers]
    options.digests = [name for name in MACS if name in options.digests]
    kinds = [name for name in options.key_types if name in KEYS]
    options.key_types = sorted(kinds, key=lambda kind: _kind_of_key(kind) not in known_kinds)


def _kind_of_key(algorithm: str) -> str:
    return "ssh-rsa" if algorithm.startswith("rsa-") else algorithm


def _no_agreement(transport: paramiko.Transport, address: Address) -> FeldsherError:
    error, where = transport.get_exception(), _place(address)
    if transport.sock.said_too_much:
        return FeldsherError("unreachable", "it talks without end instead of speaking SSH", where=where)
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return FeldsherError(
            "not-trusted",
            "it offers only outdated ways to encrypt or to prove who it is",
            where=where,
            remedy="update its SSH server",
        )
    if isinstance(error, paramiko.SSHException) and "signature" in str(error).lower():
        return FeldsherError("not-trusted", "it could not prove that the host key is its own", where=where)
    return FeldsherError("unreachable", "it does not speak SSH as we do, or hung up", where=where)


def _sign_in(transport: paramiko.Transport, address: Address, proof: Proof, limit: timedelta) -> None:
    deadline = time.monotonic() + limit.total_seconds()
    tried = 0
    for attempt in _attempts(transport, address, proof):
        tried += 1
        event = threading.Event()
        try:
            attempt(event)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise FeldsherError("unreachable", "it hung up while we signed in", where=_place(address)) from error
        if not event.wait(max(0.0, deadline - time.monotonic())):
            raise FeldsherError("timeout", "no answer to the sign-in", where=_place(address))
        if transport.is_authenticated():
            transport.sock.signed_in()
            return
        if not transport.is_active():
            break
    if not transport.is_active() and not tried:
        raise FeldsherError("unreachable", "it hung up while we signed in", where=_place(address))
    raise FeldsherError(
        "not-signed-in",
        f"{printable(address.user)} was not let in"
        + ("" if tried else ": there is no key to show (no SSH agent, no key file)"),
        where=_place(address),
        remedy="give a key with --identity, load it into ssh-agent, or name a password with --password-from",
    )


def _attempts(
    transport: paramiko.Transport, address: Address, proof: Proof
) -> Iterator[Callable[[threading.Event], object]]:
    for key in _keys(proof):
        yield partial(transport.auth_publickey, address.user, key)
    if proof.password is not None:
        # Never as an answer to a question that the server words: it could ask for another secret.
        yield partial(transport.auth_password, address.user, proof.password, fallback=False)


def _keys(proof: Proof) -> list[paramiko.PKey]:
    if proof.identity is not None:
        return [_read_key(proof.identity)]
    if proof.password is not None:
        return []
    try:
        from_agent = list(paramiko.Agent().get_keys()) if os.environ.get("SSH_AUTH_SOCK") else []
    except (paramiko.SSHException, OSError):  # an agent that has gone
        from_agent = []
    files = [path for name in _OWN_KEYS if (path := Path.home() / ".ssh" / name).is_file()]
    own = []
    for path in files:
        try:
            own.append(_read_key(path))
        except FeldsherError:  # nobody named it: one that cannot be used is simply not shown
            continue
    return [*from_agent, *own][:_MOST_KEYS]


def _read_key(path: Path) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(path)
    except OSError as error:
        raise FeldsherError("config", f"the key cannot be read: {error.strerror}", where=str(path)) from error
    except (TypeError, paramiko.PasswordRequiredException) as error:  # the libraries' ways to ask for a passphrase
        raise FeldsherError(
            "config", "the key is locked with a passphrase", where=str(path), remedy="load it with ssh-add"
        ) from error
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError, KeyError) as error:
        if "password" in str(error).lower() or "passphrase" in str(error).lower():
            raise FeldsherError(
                "config", "the key is locked with a passphrase", where=str(path), remedy="load it with ssh-add"
            ) from error
        raise FeldsherError("config", "that is no private key that we can use", where=str(path)) from error


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise FeldsherError("config", f"it cannot be read: {error.strerror}", where=str(path)) from error


def _place(address: Address) -> str:
    return printable(f"{address.host}:{address.port}")
