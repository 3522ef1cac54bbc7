"""One number or fact seen at a machine, and what is promised about it."""

from enum import StrEnum

from msgspec import Struct

Value = bool | int | float | str
Place = dict[str, str]
"""Labels that say where something was seen, as ``{"mount": "/var"}``. Empty for the whole host."""


class Privacy(StrEnum):
    """Who a datum could hurt if a stranger read it; said where the datum is born."""

    PUBLIC = "public"
    MACHINE = "machine"
    PERSONAL = "personal"
    SECRET = "secret"  # noqa: S105 - the name of a class, not one


class Sample(Struct, frozen=True, omit_defaults=True):
    """*value* in *unit* (UCUM: ``By``, ``s``, ``1``), seen at *where*; the time is that of the look it belongs to."""

    name: str
    value: Value
    unit: str = ""
    where: Place = {}


class Quantity(Struct, frozen=True):
    """What a name means. Calling it makes a sample of it: ``FREE(1024, mount="/")``.

    *unit* is UCUM: ``By`` bytes, ``s`` seconds, ``1`` a ratio from 0 to 1 or a bare number, ``{process}`` a count,
    ``bool`` a yes or no, ``text`` words. *labels* are the labels every sample of it carries.
    """

    name: str
    unit: str
    meaning: str
    labels: tuple[str, ...] = ()
    privacy: Privacy = Privacy.MACHINE

    def __call__(self, value: Value, **where: str) -> Sample:
        """Return *value* as a sample of this quantity seen at *where*."""
        return Sample(self.name, value, self.unit, where)
