"""Passwords, sessions, and how slow guessing is."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal
from urllib.parse import urlencode

import pytest
from argon2 import PasswordHasher

from collector import access
from collector.access import COOKIE, Doorkeeper, new_password, new_user
from collector.store.base import HOME
from contract.errors import FeldsherError
from tests.fakes.desk import Collector, Reply

pytestmark = pytest.mark.anyio
# As argon2id as the real one, but too cheap for anybody to wait for.
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
PASSWORD = "a horse that nobody guesses"


@dataclass(slots=True)
class CountingHasher(PasswordHasher):
    """A hasher that knows how often it was asked."""

    asked: list[int] = field(default_factory=list)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's own name for it
        """Count, then verify cheaply."""
        self.asked.append(len(password))
        return CHEAP.verify(CHEAP.hash("nobody") if b"AAAAAAAA" in str(hash).encode() else hash, password)


@pytest.fixture
async def hasher(collector: Collector) -> CountingHasher:
    """Let in Eve by a password, on a desk whose hashing is cheap and counted."""
    counting = CountingHasher()
    seconds = collector.clock
    collector.app.state.doorkeeper = Doorkeeper(lambda: seconds().timestamp(), counting)  # type: ignore[attr-defined]  # Starlette's
    user = new_user(HOME, "eve", "technician", PASSWORD, CHEAP)
    await collector.parts.store.change(lambda records: records.add_user(user))
    return counting


async def post(collector: Collector, path: str, form: Mapping[str, str], **headers: str) -> Reply:
    """Send a form as one of our own pages would."""
    sent = {"origin": "https://desk.test", "content-type": "application/x-www-form-urlencoded"} | headers
    return await collector.ask("POST", path, urlencode(form).encode(), headers=sent)


async def sign_in(collector: Collector, name: str, password: str) -> Reply:
    """Ask for a session as a tool does."""
    return await collector.ask("POST", "/v1/session", {"user": name, "password": password})


async def test_a_password_opens_a_session_and_signing_out_ends_every_copy(
    collector: Collector, hasher: CountingHasher
) -> None:
    """A token somebody copied must be worth nothing once its owner has left."""
    token = (await sign_in(collector, "eve", PASSWORD)).json["token"]
    bearer = {"authorization": f"Bearer {token}"}
    assert (await collector.ask("GET", "/v1/hosts", headers=bearer)).status == 200
    assert (await collector.ask("GET", "/tickets", headers={"cookie": f"{COOKIE}={token}"})).status == 200
    assert (await post(collector, "/sign-out", {}, cookie=f"{COOKIE}={token}")).status == 303
    assert (await collector.ask("GET", "/v1/hosts", headers=bearer)).status == 401


async def test_the_store_holds_no_token(collector: Collector, hasher: CountingHasher) -> None:
    """Who steals a backup must not be able to sign in with it."""
    token = (await sign_in(collector, "eve", PASSWORD)).json["token"]
    kept = b"".join(path.read_bytes() for path in collector.folder.rglob("store.sqlite*"))
    assert token.encode() not in kept
    assert PASSWORD.encode() not in kept


async def test_a_session_ends_by_itself(collector: Collector, hasher: CountingHasher) -> None:
    """A browser left open on Friday must not be signed in on Monday."""
    token = (await sign_in(collector, "eve", PASSWORD)).json["token"]
    collector.clock.pass_by(timedelta(hours=12, seconds=1))
    assert (await collector.ask("GET", "/v1/hosts", headers={"authorization": f"Bearer {token}"})).status == 401


async def test_the_cookie_can_be_read_by_nobody_and_sent_by_us_alone(
    collector: Collector, hasher: CountingHasher
) -> None:
    """A page elsewhere, a script or a plain connection would otherwise carry the session away."""
    reply = await post(collector, "/sign-in", {"name": " Eve ", "password": PASSWORD})
    assert (reply.status, reply.headers["location"]) == (303, "/tickets")
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith("__Host-feldsher=")
    parts = {part.strip().lower() for part in cookie.split(";")}
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= parts
    assert "domain" not in cookie.lower()


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("eve", "wrong"),
        ("nobody", PASSWORD),
        ("eve", PASSWORD + "\x00"),
        ("eve", "\x00"),
        ("eve", "x" * 100_000),
        ("' or 1=1 --", PASSWORD),
        ("e\x00ve", PASSWORD),
        ("", ""),
    ],
)
async def test_every_refusal_is_the_same(
    collector: Collector, hasher: CountingHasher, name: str, password: str
) -> None:
    """Whoever guesses must not even learn which names exist."""
    reply = await sign_in(collector, name, password)
    assert (reply.status, reply.slug) == (401, "not-signed-in")
    assert reply.json["detail"] == "the name or the password is wrong"
    assert all(size <= access.PASSWORD_BYTES for size in hasher.asked)


async def test_an_unknown_name_costs_a_hash_too(collector: Collector, hasher: CountingHasher) -> None:
    """Otherwise the time to answer would tell which names exist."""
    await sign_in(collector, "nobody", "wrong")
    await sign_in(collector, "eve", "wrong")
    assert len(hasher.asked) == 2


def test_nobody_has_the_password_of_the_dummy() -> None:
    """It must take as long as a real one, and match nothing."""
    assert access._NOBODY.split("$")[1:4] == access._HASHER.hash("x").split("$")[1:4]
    assert not asyncio.run(Doorkeeper(lambda: 0.0).verify(access._NOBODY, ""))


async def test_the_sixth_guess_waits_and_a_refusal_is_on_the_record(
    collector: Collector, hasher: CountingHasher
) -> None:
    """A thousand guesses must take days, and be seen."""
    for _ in range(5):
        assert (await sign_in(collector, "eve", "wrong")).status == 401
    reply = await sign_in(collector, "eve", PASSWORD)
    assert (reply.status, reply.slug) == (429, "rate")
    collector.clock.pass_by(timedelta(seconds=2))
    assert (await sign_in(collector, "eve", PASSWORD)).status == 200
    lines = await collector.parts.store.look(lambda records: records.audit_lines())
    assert [line.act for line in lines if line.who == "eve"] == ["sign-in-refused"] * 5 + ["signed-in"]


@dataclass(slots=True)
class Seconds:
    """A clock that is moved by hand."""

    at: float = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.at


def refused(door: Doorkeeper, name: str, source: str) -> bool:
    """Whether *door* lets *name* not even try."""
    try:
        door.check(name, source)
    except FeldsherError as error:
        return error.slug == "rate"
    return False


def test_each_failure_doubles_the_wait_up_to_five_minutes() -> None:
    """Guessing gets slow, but a person who remembers is back within minutes."""
    clock = Seconds()
    door = Doorkeeper(clock, CHEAP)
    for _ in range(5):
        assert not refused(door, "eve", "10.0.0.1")
        door.failed("eve", "10.0.0.1")
    waits = []
    for _ in range(12):
        began = clock.at
        while refused(door, "eve", "10.0.0.1"):
            clock.at += 0.5
        waits.append(clock.at - began)
        door.failed("eve", "10.0.0.1")
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == 300


def test_the_real_eve_is_not_locked_out_by_a_crowd() -> None:
    """A thousand strangers who try her name must not keep her from her own desk."""
    clock = Seconds()
    door = Doorkeeper(clock, CHEAP)
    door.welcomed("eve", "10.0.0.7")
    for stranger in range(1000):
        door.failed("eve", f"192.0.2.{stranger}")
    assert not refused(door, "eve", "10.0.0.7")
    assert refused(door, "eve", "198.51.100.1")


def test_one_address_that_tries_many_names_is_slowed() -> None:
    """A thousand accounts tried once each is guessing too."""
    door = Doorkeeper(Seconds(), CHEAP)
    for number in range(60):
        door.failed(f"name{number}", "192.0.2.1")
    assert refused(door, "a-new-name", "192.0.2.1")
    assert not refused(door, "a-new-name", "192.0.2.2")


def test_what_is_remembered_is_bounded_and_forgotten() -> None:
    """Guesses must not fill our memory."""
    clock = Seconds()
    door = Doorkeeper(clock, CHEAP)
    for number in range(30_000):
        door.failed(f"name{number}", f"source{number}")
    assert len(door._tries) <= access.REMEMBERED
    for _ in range(9):
        door.failed("eve", "10.0.0.1")
    assert refused(door, "eve", "10.0.0.1")
    clock.at += access.FORGET_AFTER.total_seconds() + 1
    assert not refused(door, "eve", "10.0.0.1")


@pytest.mark.parametrize(
    ("name", "role", "password"),
    [
        ("", "technician", PASSWORD),
        ("Eve", "technician", PASSWORD),
        ("e" * 65, "technician", PASSWORD),
        ("eve\n", "technician", PASSWORD),
        ("-eve", "technician", PASSWORD),
        ("eve", "root", PASSWORD),
        ("eve", "technician", "short"),
        ("eve", "technician", "x" * 1025),
    ],
)
def test_a_person_who_could_not_sign_in_is_not_made(name: str, role: str, password: str) -> None:
    """Better told at once than at the first login."""
    with pytest.raises(FeldsherError) as told:
        new_user(HOME, name, role, password, CHEAP)
    assert told.value.slug == "usage"


def test_made_up_passwords_differ_and_will_do() -> None:
    """The first administrator's is one of these."""
    made = {new_password() for _ in range(50)}
    assert len(made) == 50
    assert all(new_user(HOME, "eve", "technician", word, CHEAP) for word in list(made)[:1])
    assert {len(word) for word in made} == {23}
