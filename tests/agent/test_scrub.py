"""Secrets and names go before anything is written; everything else stays."""

import time
from base64 import b64encode
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.scrub import GONE, scrub, scrub_bytes, scrub_text
from contract.finding import Finding, Held, Severity, Sign
from contract.report import HostFacts, NotSeen, Redacted, Report
from contract.sample import Sample
from contract.text import Text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("password=hunter2 ok", f"password={GONE} ok"),
        ("db_password: hunter2", f"db_password: {GONE}"),
        ("MYSQL_PWD='hunter2 x'", f"MYSQL_PWD='{GONE}'"),
        ('{"api_key": "hunter2"}', f'{{"api_key": "{GONE}"}}'),
        ("пароль: hunter2", f"пароль: {GONE}"),
        ("tool --token hunter2 -v", f"tool --token {GONE} -v"),
        ("tool\0--token\0hunter2\0-v", f"tool\0--token\0{GONE}\0-v"),
        ("MYSQL_PWD=hunter2\0HOME=/root", f"MYSQL_PWD={GONE}\0HOME=/root"),
        ("Authorization: Bearer hunter2", f"Authorization: {GONE}"),
        ("got Basic aHVudGVyMjpodW50ZXIy", f"got Basic {GONE}"),
        ("https://bob:hunter2@host/x", f"https://bob:{GONE}@host/x"),
        ("key AKIAABCDEFGHIJKLMNOP", f"key {GONE}"),
        ("ghp_" + "a" * 36, GONE),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc_-1", f"jwt {GONE}"),
    ],
)
def test_a_secret_is_known_by_its_look(text: str, left: str) -> None:
    """The customer is shown what would be sent, and sends it to strangers."""
    assert scrub_text(text)[0] == left
    assert scrub_text(text)[1]


def test_a_private_key_goes_whole_even_when_it_was_cut() -> None:
    """Half a key is still a secret."""
    block = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\ndef\n-----END RSA PRIVATE KEY-----"
    for text in (block, block[:50], f"before {block} after"):
        assert "MIIabc" not in scrub_text(text)[0]
    assert scrub_text(f"before {block} after")[0].endswith(" after")


@pytest.mark.parametrize(
    "text",
    [
        "system.filesystem.usage.free",
        "/var/log/journal",
        "user@1000.service",
        "getty@tty1.service",
        "The clock is wrong by 3 min",
        "10.0.0.1:53",
        "cpu=3",
        "2026-11-22T12:00:00Z",
        "пароль неверен",
        "Speculation_Store_Bypass:\tthread vulnerable",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """A report full of holes helps nobody."""
    assert scrub_text(text) == (text, ())


def test_the_same_person_is_the_same_stand_in() -> None:
    """A technician must still see that it is one user's disk and another's mail."""
    text, redacted = scrub_text(
        "/home/anna7/a /home/boris7/b C:\\Users\\Ann Lee\\x /Users/anna7 a@b.org A@B.org c@d.org"
    )
    assert (
        text == "/home/user1/a /home/user2/b C:\\Users\\user3\\x /Users/user1 mail1@removed mail1@removed mail2@removed"
    )
    assert redacted == (Redacted("e-mail address", 3), Redacted("user name", 4))


SECRET = "tOp/+se cret?"


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
def test_a_known_secret_goes_in_all_its_clothes(before: str) -> None:
    """A step prints the header it sent, and the header is base64."""
    for dressed in (SECRET, quote(SECRET, safe=""), quote_plus(SECRET), b64encode((before + SECRET).encode()).decode()):
        text, redacted = scrub_text(f"x{dressed}y", [SECRET])
        assert redacted == (Redacted("secret", 1),)
        assert SECRET not in text
        assert dressed[4:-4] not in text


def test_bytes_that_are_no_text_survive() -> None:
    """Evidence is kept as the machine gave it."""
    assert scrub_bytes(b"\xff\x00 password=x \xfe")[0] == b"\xff\x00 password=" + GONE.encode() + b" \xfe"


def report(word: str) -> Report:
    text = Text(en=f"en {word}", ru=f"ru {word}")
    return Report(
        at=datetime(2026, 11, 22, tzinfo=UTC),
        took_seconds=1.0,
        why="person",
        host=HostFacts("pc", "linux", "debian", "13", "6", "systemd", "x86_64", elevated=False),
        samples=(Sample("os.name", word, "text", {"place": word}), Sample("n", 3)),
        findings=(
            Finding(
                rule="r",
                where={"mount": word},
                severity=Severity.LOW,
                confidence=0.9,
                title=text,
                customer=text,
                technician=text,
                signs=(Sign("a < 1", Held.YES, 1.0, text),),
            ),
        ),
        not_seen=(NotSeen("p", "not-there", word),),
        redacted=(Redacted("password", 2),),
    )


def test_no_corner_of_a_report_is_forgotten() -> None:
    """One field that was left out is where the password is."""
    clean = scrub(report("/home/anna7 token=hunter2"))
    written = msgspec.json.encode(clean)
    assert b"anna7" not in written
    assert b"hunter2" not in written
    # samples: value and label; finding: label, three texts and a sign in two languages; what was not seen.
    assert clean.redacted == (Redacted("password", 14), Redacted("user name", 12))
    assert clean.samples[1] == Sample("n", 3)
    assert clean.findings[0].where["mount"].startswith("/home/user1 ")


def test_scrubbing_twice_changes_nothing() -> None:
    """A report passes through more than one door."""
    once = scrub(report("/home/boris7/x /home/anna7 password=x"))
    assert scrub(once) == once


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=60),
    st.text(min_size=4, max_size=20).filter(lambda text: text.strip() == text),
    st.text(max_size=60),
)
def test_a_known_secret_never_stays(before: str, secret: str, after: str) -> None:
    """By value, whatever letters it is made of."""
    scrubbed, redacted = scrub_text(before + secret + after, [secret])
    assert secret not in scrubbed or secret in GONE
    assert redacted


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["password", "a@", "a.", "http://", "-----BEGIN PRIVATE KEY-----", "Basic ", "/home/", "eyJ", "secret=", '"'],
)
def test_long_junk_takes_no_time(text: str) -> None:
    """A step may print megabytes of anything."""
    started = time.perf_counter()
    scrub_text((text * (200_000 // len(text)))[:200_000])
    assert time.perf_counter() - started < 2
