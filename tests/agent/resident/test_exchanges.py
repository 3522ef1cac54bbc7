"""Messages of every release, byte for byte as they were: each must still be understood."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract.evidence import Evidence
from contract.exchange import ITEM_KINDS, Answer, Enrol, Enrolled, Exchange, Gap, Plea, Vitals
from contract.order import Order
from contract.report import Report

FOLDER = Path(__file__).parents[2] / "exchanges"
KINDS: dict[str, type[Any]] = {
    "exchange": Exchange,
    "answer": Answer,
    "enrol": Enrol,
    "enrolled": Enrolled,
    "order": Order,
}
BODIES: dict[str, type[Any]] = {"evidence": Evidence, "plea": Plea, "report": Report, "vitals": Vitals, "gap": Gap}
MESSAGES = sorted(FOLDER.glob("*/*.json"))


def kind_of(path: Path) -> type[Any]:
    return KINDS[path.stem.partition("-")[0]]


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_message_of_any_release_is_understood(path: Path) -> None:
    """Machines that were off for a year come back with these."""
    message = msgspec.json.decode(path.read_bytes(), type=kind_of(path))
    if isinstance(message, Exchange):
        for item in message.items:
            msgspec.json.decode(item.body, type=BODIES[item.kind])


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_field_of_tomorrow_is_tolerated_everywhere(path: Path) -> None:
    """Agents and collectors are never all of one release."""
    content = json.dumps(_with_news(json.loads(path.read_bytes()))).encode()
    message = msgspec.json.decode(content, type=kind_of(path))
    if isinstance(message, Exchange):
        for item in message.items:
            msgspec.json.decode(item.body, type=BODIES[item.kind])


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_known_field_of_another_kind_is_refused(path: Path) -> None:
    """Guessing what was meant is how wrong machines are repaired."""
    whole = json.loads(path.read_bytes())
    for name in whole:
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(json.dumps(whole | {name: {"?": [None]}}).encode(), type=kind_of(path))


def test_there_is_an_example_of_every_kind() -> None:
    """What has no example today cannot be held to it tomorrow."""
    for release in FOLDER.iterdir():
        messages = list(release.glob("*.json"))
        assert {path.stem.partition("-")[0] for path in messages} == KINDS.keys()
        items = [item for path in messages for item in json.loads(path.read_bytes()).get("items", [])]
        assert {item["kind"] for item in items} == set(ITEM_KINDS)


def _with_news(part: Any) -> Any:
    # Labels and parameters are maps of names that people choose: there is nothing new to be found in them.
    if isinstance(part, dict):
        news = {"a_field_of_tomorrow": [1]} if part.keys() & KNOWN else {}
        return {name: value if name in FREE else _with_news(value) for name, value in part.items()} | news
    return [_with_news(one) for one in part] if isinstance(part, list) else part


KNOWN = {"protocol", "id", "order", "rule", "at", "kernel", "probe", "host", "that", "before", "count"}
FREE = {"where", "params", "tickets", "title", "customer", "technician", "say", "tell"}
