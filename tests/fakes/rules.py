"""Rules made for a test out of a few words, and quantities for them to look at."""

from datetime import timedelta

from agent.expression import parse_condition
from agent.rule import Rule, Suspect, Weighed
from contract.finding import Severity
from contract.sample import Quantity
from contract.text import Text

HEAT = Quantity("room.heat", "1", "How hot it is.", ("room",))
NOISE = Quantity("room.noise", "1", "How loud it is.", ("room",))
DOOR = Quantity("room.door_open", "bool", "Whether the door stands open.", ("room",))
POWER = Quantity("house.power", "bool", "Whether there is electricity.")
BILL = Quantity("house.bill", "By", "What is owed.")
QUANTITIES = {quantity.name: quantity for quantity in (HEAT, NOISE, DOOR, POWER, BILL)}
UNITS = {name: quantity.unit for name, quantity in QUANTITIES.items()} | {"room": "text"}
WORDS = Text(en="words", ru="слова")


def certain(name: str, when: str, **more: object) -> Rule:
    """Return a rule that is sure when *when* holds."""
    return _rule(name, more, when=parse_condition(when, UNITS))


def suspicion(
    name: str, prior: float, speak_for: dict[str, float], against: dict[str, float] | None = None, **more: object
) -> Rule:
    """Return a rule of judgement from conditions and their weights."""
    sides = [
        tuple(Weighed(parse_condition(that, UNITS), weight, WORDS) for that, weight in side.items())
        for side in (speak_for, against or {})
    ]
    return _rule(name, more, suspect=Suspect(prior, *sides))


def _rule(name: str, more: dict[str, object], **kind: object) -> Rule:
    plain: dict[str, object] = {
        "title": WORDS,
        "severity": Severity.MEDIUM,
        "customer": WORDS,
        "technician": WORDS,
        "per": ("room",),
        "lasts": timedelta(0),
    }
    return Rule(rule=name, **(plain | kind | more))  # type: ignore[arg-type]  # a test names the fields it cares for
