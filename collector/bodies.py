"""Reads the body of an item as what its kind says it is, or says why it never will be."""

from datetime import datetime

import msgspec

from collector.store.base import Host
from contract.evidence import Evidence
from contract.exchange import Gap, Item, Plea, Refused, Vitals
from contract.report import Report

Body = Evidence | Plea | Report | Vitals | Gap

ID_CHARACTERS = 200
NAME_CHARACTERS = 255
WORDS_CHARACTERS = 10_000
MOST_FINDINGS = 500
MOST_SAMPLES = 50_000
_DECODERS: dict[str, msgspec.json.Decoder[Body]] = {
    "evidence": msgspec.json.Decoder(Evidence),
    "plea": msgspec.json.Decoder(Plea),
    "report": msgspec.json.Decoder(Report),
    "vitals": msgspec.json.Decoder(Vitals),
    "gap": msgspec.json.Decoder(Gap),
}


def read_body(host: Host, item: Item) -> Body | Refused:
    """Return what *host* says in *item*, or why it is refused for ever."""
    if not item.id or len(item.id) > ID_CHARACTERS or not item.id.isprintable():
        # What has no proper name cannot be kept once; the refusal names it as far as a name goes.
        return Refused(item.id[:ID_CHARACTERS], "limit", f"an item's id is 1 to {ID_CHARACTERS} printable characters")
    try:
        # The decoder skips what it does not know; all of it will be kept and shown, so all of it must be text.
        bytes(item.body).decode()
        body = _DECODERS[item.kind].decode(item.body)
    except msgspec.ValidationError as error:
        return Refused(item.id, "schema", str(error)[:500])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        return Refused(item.id, "json-syntax", str(error)[:500])
    slug, detail = _objection(host, item, body)
    return Refused(item.id, slug, detail) if slug else body


def _objection(host: Host, item: Item, body: Body) -> tuple[str, str]:
    if any(at.tzinfo is None for at in (item.at, *_instants(body))):
        return "schema", "an instant has no time zone"
    if too_much := _too_much(body):
        return "limit", too_much
    if isinstance(body, Evidence) and body.host != host.id:
        return "not-for-this-host", "the evidence names another host"
    return "", ""


def _instants(body: Body) -> tuple[datetime, ...]:
    match body:
        case Evidence():
            return (body.started, body.ended)
        case Plea():
            return (body.at, body.report.at)
        case Gap():
            return (body.at, body.first, body.last)
        case _:
            return (body.at,)


def _too_much(body: Body) -> str:
    match body:
        case Report():
            return _too_much_report(body)
        case Plea():
            if max(len(body.words), len(body.complaint)) > WORDS_CHARACTERS:
                return f"words: more than {WORDS_CHARACTERS} characters"
            return _too_much_report(body.report)
        case Vitals() if len(body.samples) > MOST_SAMPLES:
            return f"samples: more than {MOST_SAMPLES}"
        case _:
            return ""


def _too_much_report(report: Report) -> str:
    if len(report.host.name) > NAME_CHARACTERS:
        return f"host.name: more than {NAME_CHARACTERS} characters"
    if len(report.findings) > MOST_FINDINGS or len(report.watched) > MOST_FINDINGS:
        return f"findings: more than {MOST_FINDINGS}"
    if len(report.samples) > MOST_SAMPLES:
        return f"samples: more than {MOST_SAMPLES}"
    return ""
