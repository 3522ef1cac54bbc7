"""Takes secrets and names out before anything is written anywhere. Pure.

Secrets go by their look (``password=…``, a key between its dashes, an address with credentials) and by value, in the
clothes they travel in. People's names become stand-ins, the same one for the same name within one report, so that a
technician can still tell two users apart.
"""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

from contract.report import Redacted, Report

GONE = "[removed]"
_SHORTEST_SECRET = 4

_WORDS = (
    r"(?<!by)pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|client[_-]?secret"
    r"|credentials?|session[_-]?id|cookie|пароль"
)
# kind, pattern: what stands in the group "secret" goes, the rest stays for the reader.
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "private key",
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?P<secret>.*?)(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
    ),
    (
        "address with credentials",
        re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s:/@]{0,256}:(?P<secret>[^\s/@]{1,256})@"),
    ),
    (
        "authorisation header",
        re.compile(r"(?i)\bauthorization\s{0,4}[:=]\s{0,4}(?P<secret>(?:[A-Za-z]{1,20}\s{1,4})?[^\s,;\"']{1,4096})"),
    ),
    ("authorisation header", re.compile(r"(?i)\b(?:bearer|basic)\s{1,4}(?P<secret>[A-Za-z0-9._~+/=-]{16,4096})")),
    (
        "token",
        re.compile(r"\b(?P<secret>eyJ[A-Za-z0-9_-]{10,4096}\.[A-Za-z0-9_-]{10,4096}(?:\.[A-Za-z0-9_-]{0,4096})?)"),
    ),
    (
        "token",
        re.compile(
            r"\b(?P<secret>(?:gh[pousr]_[A-Za-z0-9]{30,255}|xox[abprs]-[A-Za-z0-9-]{10,255}|sk-[A-Za-z0-9_-]{20,255}))\b"
        ),
    ),
    ("access key", re.compile(r"\b(?P<secret>(?:AKIA|ASIA)[A-Z0-9]{16})\b")),
    (
        "password",
        re.compile(rf"(?i)(?:{_WORDS})[\w.-]{{0,20}}[\"']?\s{{0,4}}[:=]\s{{0,4}}\"(?P<secret>[^\"\n]{{1,4096}})\""),
    ),
    (
        "password",
        re.compile(rf"(?i)(?:{_WORDS})[\w.-]{{0,20}}[\"']?\s{{0,4}}[:=]\s{{0,4}}'(?P<secret>[^'\n]{{1,4096}})'"),
    ),
    (
        "password",
        re.compile(rf"(?i)(?:{_WORDS})[\w.-]{{0,20}}\s{{0,4}}[:=]\s{{0,4}}(?P<secret>[^\s\0\"'&;,|]{{1,4096}})"),
    ),
    # Where a system keeps the words of a command, a NUL stands between them.
    (
        "password",
        re.compile(r"(?i)(?:^|[\s\0])--?(?:password|passwd|token|secret)[= \0](?P<secret>[^\s\0\"']{1,4096})"),
    ),
)
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}")
# A unit such as user@1000.service is no address.
_NO_MAIL = re.compile(r"\.(?:service|socket|timer|mount|slice|scope|target|device|path|swap)\Z")
# Names with blanks in them are only told apart where another folder follows, as Windows has them.
_HOME = re.compile(
    r"(?P<before>/home/|/Users/|[A-Za-z]:\\Users\\)"
    r"(?P<user>(?<=\\)[^\\/:*?\"<>|\r\n]{1,64}(?=\\)|[^/\\\s\0:\"'<>|]{1,64})"
)
_STANDIN = re.compile(r"user[0-9]+")
_NOBODY = {"Public", "Default", "lost+found", "shared"}


class Scrubber:
    """One report's worth of scrubbing: the same name gets the same stand-in wherever it stands."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._values = _in_all_clothes(secrets)
        self._standins: dict[str, str] = {}
        self._numbers = {"user": count(1), "mail": count(1)}
        self._counted: Counter[str] = Counter()

    @property
    def redacted(self) -> tuple[Redacted, ...]:
        """How many of each kind were replaced so far."""
        return tuple(Redacted(kind, number) for kind, number in sorted(self._counted.items()))

    def text(self, text: str) -> str:
        """Return *text* without secrets and names."""
        for value in self._values:
            if value in text:
                self._counted["secret"] += text.count(value)
                text = text.replace(value, GONE)
        for kind, pattern in _PATTERNS:
            text = pattern.sub(lambda match, kind=kind: self._without(match, kind), text)  # type: ignore[misc]  # mypy cannot infer the default
        text = _MAIL.sub(self._mail, text)
        return _HOME.sub(self._home, text)

    def everything(self, value: Any) -> Any:
        """Return plain *value* with every text in it scrubbed; the keys of mappings are ours and stay."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {key: self.everything(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self.everything(inner) for inner in value]
            case _:
                return value

    def _without(self, match: re.Match[str], kind: str) -> str:
        if match["secret"].startswith(GONE):
            return match[0]
        self._counted[kind] += 1
        start, end = match.start("secret") - match.start(), match.end("secret") - match.start()
        return match[0][:start] + GONE + match[0][end:]

    def _mail(self, match: re.Match[str]) -> str:
        if _NO_MAIL.search(match[0]):
            return match[0]
        self._counted["e-mail address"] += 1
        return self._standin("mail", match[0].casefold()) + "@removed"

    def _home(self, match: re.Match[str]) -> str:
        if match["user"] in _NOBODY or _STANDIN.fullmatch(match["user"]):
            return match[0]
        self._counted["user name"] += 1
        return match["before"] + self._standin("user", match["user"])

    def _standin(self, kind: str, name: str) -> str:
        key = f"{kind}:{name}"
        if key not in self._standins:
            self._standins[key] = f"{kind}{next(self._numbers[kind])}"
        return self._standins[key]


def scrub(report: Report, secrets: Sequence[str] = ()) -> Report:
    """Return *report* with every text in it scrubbed, and how many of each kind were replaced added up in it."""
    scrubber = Scrubber(secrets)
    clean = scrubber.everything(msgspec.to_builtins(report))
    before = {kind.kind: kind.count for kind in report.redacted}
    for kind in scrubber.redacted:
        before[kind.kind] = before.get(kind.kind, 0) + kind.count
    clean["redacted"] = [{"kind": kind, "count": number} for kind, number in sorted(before.items())]
    return msgspec.convert(clean, Report)


def scrub_text(text: str, secrets: Sequence[str] = ()) -> tuple[str, tuple[Redacted, ...]]:
    """Return *text* scrubbed, and how many of each kind were replaced. *secrets* are removed by value."""
    scrubber = Scrubber(secrets)
    return scrubber.text(text), scrubber.redacted


def scrub_bytes(content: bytes, secrets: Sequence[str] = ()) -> tuple[bytes, tuple[Redacted, ...]]:
    """Return *content* scrubbed; bytes that are no UTF-8 stay as they are."""
    text, redacted = scrub_text(content.decode("utf-8", errors="surrogateescape"), secrets)
    return text.encode("utf-8", errors="surrogateescape"), redacted


def _in_all_clothes(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return *secrets* as they are, in base64 wherever they begin in it, and escaped for an address; longest first."""
    clothes: set[str] = set()
    for secret in secrets:
        # A secret of three letters would take half of every sentence with it.
        if len(secret) < _SHORTEST_SECRET:
            continue
        clothes |= {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
        raw = secret.encode()
        for shift in range(3):
            # The first and last letters of base64 also depend on what stands beside the secret.
            whole = b64encode(b"\0" * shift + raw).decode().rstrip("=")
            middle = whole[(0, 2, 3)[shift] : len(whole) - (1 if (shift + len(raw)) % 3 else 0)]
            clothes |= {middle, middle.replace("+", "-").replace("/", "_")} if len(middle) > _SHORTEST_SECRET else set()
    return tuple(sorted(clothes, key=lambda value: (-len(value), value)))
