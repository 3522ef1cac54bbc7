"""Who is asking: people, their passwords, and the sessions that stand for them."""

import asyncio
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from starlette.requests import Request

from collector.store.base import Records, User
from contract.errors import FeldsherError

if TYPE_CHECKING:
    from collector.parts import Parts

COOKIE = "__Host-feldsher"
ROLES = ("technician", "administrator")
SESSION_LIFE = timedelta(hours=12)
PASSWORD_BYTES = 1024
"""Longer ones are refused before they are hashed: hashing is what costs us."""
SHORTEST_PASSWORD = 10
TOKEN_CHARACTERS = 128

FREE_TRIES = 5
LONGEST_DELAY = timedelta(minutes=5)
FORGET_AFTER = timedelta(minutes=30)
REMEMBERED = 10_000

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
# RFC 9106's second recommendation, halved in lanes: 64 MiB for each guess is what makes guessing dear.
_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=2)
_HASHING_AT_ONCE = 2
_WAITING_TO_HASH = 32
# The hash of a password nobody has, with the costs of a real one: an unknown name takes as long as a known one.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=2$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def new_user(organisation: str, name: str, role: str, password: str, hasher: PasswordHasher = _HASHER) -> User:
    """Return a person who may sign in as *name*; raises `FeldsherError` when the name, role or password will not do."""
    if not _NAME.fullmatch(name):
        raise FeldsherError(
            "usage",
            "a name for signing in is 1 to 64 small Latin letters, digits, dots, hyphens and underscores",
            remedy="choose another name",
        )
    if role not in ROLES:
        raise FeldsherError("usage", f"there is no role {role!r}", remedy="choose one of " + ", ".join(ROLES))
    if len(password) < SHORTEST_PASSWORD:
        raise FeldsherError("usage", f"the password is shorter than {SHORTEST_PASSWORD} characters")
    if len(password.encode()) > PASSWORD_BYTES:
        raise FeldsherError("usage", f"the password is longer than {PASSWORD_BYTES} bytes")
    return User(organisation=organisation, name=name, role=role, password_hash=hasher.hash(password))


def new_password() -> str:
    """Return a password to be shown once: 100 random bits in groups that can be read aloud."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def open_session(records: Records, user: str, until: datetime) -> str:
    """Keep a new session of *user* and return its token; only a digest of it is kept."""
    token = secrets.token_urlsafe(32)
    records.add_session(_digest(token), user, until)
    return token


async def who(request: Request) -> User | None:
    """Return the person behind *request*, by bearer token or session cookie; ``None`` for a stranger."""
    token = token_of(request)
    if not token:
        return None
    parts: Parts = request.app.state.parts
    at = parts.clock()
    return await parts.store.look(lambda records: records.session(_digest(token), at))


async def sign_in(request: Request, name: str, password: str) -> str:
    """Return the token of a new session; raises ``not-signed-in``, or ``rate`` when it was tried too often.

    The answer to an unknown name is the answer to a wrong password, after the same time.
    """
    parts: Parts = request.app.state.parts
    door = _doorkeeper(request)
    source = request.client.host if request.client else ""
    name = name.strip().lower()
    door.check(name, source)
    wrong = FeldsherError("not-signed-in", "the name or the password is wrong")
    if not _NAME.fullmatch(name) or len(password.encode("utf-8", "surrogatepass")) > PASSWORD_BYTES:
        door.failed(name[:64], source)
        raise wrong
    user = await parts.store.look(lambda records: records.user(name))
    if not await door.verify(user.password_hash if user else _NOBODY, password) or user is None:
        door.failed(name, source)
        await parts.store.change(lambda records: records.audit(parts.clock(), name, "sign-in-refused", source))
        raise wrong
    door.welcomed(name, source)

    def begin(records: Records) -> str:
        at = parts.clock()
        records.audit(at, name, "signed-in", source)
        return open_session(records, name, at + SESSION_LIFE)

    return await parts.store.change(begin)


async def sign_out(request: Request) -> None:
    """End the session behind *request*, for every copy of its token."""
    token = token_of(request)
    parts: Parts = request.app.state.parts
    if token:
        await parts.store.change(lambda records: records.drop_session(_digest(token)))


def token_of(request: Request) -> str:
    """Return the session token that came with *request*: a bearer token, else the cookie's; empty when none."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    token = bearer.strip() if scheme.lower() == "bearer" else request.cookies.get(COOKIE, "")
    return token if len(token) <= TOKEN_CHARACTERS else ""


@dataclass(slots=True)
class _Tries:
    failures: int = 0
    last: float = 0.0


@dataclass(slots=True)
class Doorkeeper:
    """Makes guessing slow without locking anybody out.

    After `FREE_TRIES` failures, a name tried from one address waits twice as long each time; so does an address that
    tries many names, and a name that many addresses try. An address from which a name once signed in does not wait for
    what others did to that name. *seconds* is a clock that only runs forward.
    """

    seconds: Callable[[], float]
    hasher: PasswordHasher = _HASHER
    _tries: OrderedDict[tuple[str, str], _Tries] = field(default_factory=OrderedDict)
    _known: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)
    _hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_HASHING_AT_ONCE))
    _waiting: int = 0

    def check(self, name: str, source: str) -> None:
        """Raise ``rate`` when it is too soon for another try."""
        wait = max(self._wait(key, free) for key, free in self._ladders(name, source))
        if wait > 0:
            raise FeldsherError("rate", "too many tries to sign in", remedy=f"try again in {int(wait) + 1} s")

    def failed(self, name: str, source: str) -> None:
        """Count a try that failed."""
        for key, _ in self._ladders(name, source):
            tries = self._tries.setdefault(key, _Tries())
            tries.failures += 1
            tries.last = self.seconds()
            self._tries.move_to_end(key)
        while len(self._tries) > REMEMBERED:
            self._tries.popitem(last=False)

    def welcomed(self, name: str, source: str) -> None:
        """Forget the failures of *name* at *source*, and remember that it is at home there."""
        self._tries.pop((name, source), None)
        self._known[name, source] = None
        self._known.move_to_end((name, source))
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def verify(self, password_hash: str, password: str) -> bool:
        """Return whether *password* is the one; ``busy`` when too many wait to know."""
        if self._waiting >= _WAITING_TO_HASH:
            raise FeldsherError("busy", "too many people sign in at once", remedy="try again in a moment")
        self._waiting += 1
        try:
            async with self._hashing:
                return await asyncio.to_thread(self._matches, password_hash, password)
        finally:
            self._waiting -= 1

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self.hasher.verify(password_hash, password.encode("utf-8", "surrogatepass"))
        except (VerificationError, InvalidHashError):
            return False

    def _ladders(self, name: str, source: str) -> list[tuple[tuple[str, str], int]]:
        ladders = [((name, source), FREE_TRIES), (("", source), FREE_TRIES * 10)]
        if (name, source) not in self._known:
            ladders.append(((name, ""), FREE_TRIES * 4))
        return ladders

    def _wait(self, key: tuple[str, str], free: int) -> float:
        tries = self._tries.get(key)
        if tries is None or tries.failures < free:
            return 0.0
        since = self.seconds() - tries.last
        if since > FORGET_AFTER.total_seconds():
            del self._tries[key]
            return 0.0
        delay = min(LONGEST_DELAY.total_seconds(), 2.0 ** min(tries.failures - free, 30))
        return delay - since


def _doorkeeper(request: Request) -> Doorkeeper:
    # One for each running application; made at the first try, on the loop that will use it.
    state = request.app.state
    door = getattr(state, "doorkeeper", None)
    if not isinstance(door, Doorkeeper):
        door = Doorkeeper(time.monotonic)
        state.doorkeeper = door
    return door


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
