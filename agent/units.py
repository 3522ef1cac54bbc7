"""Units of measure in expressions: what may be compared with what, and literals with a size or a time behind them.

A unit is the exponents of its bases, so that bytes divided by bytes are a bare ratio and bytes divided by seconds a
rate. UCUM's ``{process}`` says what is counted and has no dimension.
"""

Unit = tuple[tuple[str, int], ...]
"""Bases with their exponents, sorted, as ``(("By", 1), ("s", -1))``; ``()`` is a ratio or a count."""

BYTES: Unit = (("By", 1),)
SECONDS: Unit = (("s", 1),)
RATIO: Unit = ()

_SIZES = {f"{letter}B": 1000**power for power, letter in enumerate("kMGTP", 1)} | {"KB": 1000, "B": 1}
_SIZES |= {f"{letter}iB": 1024**power for power, letter in enumerate("KMGTP", 1)}
_TIMES = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
LITERALS: dict[str, tuple[float, Unit]] = {name: (size, BYTES) for name, size in _SIZES.items()} | {
    name: (time, SECONDS) for name, time in _TIMES.items()
}
"""What may stand behind a number: its size in the base unit, and that unit."""


def read_unit(text: str) -> Unit:
    """Return the UCUM unit *text*: products with dots, one division, annotations in braces left out."""
    above, _, below = text.partition("/")
    unit: Unit = RATIO
    for part in above.split("."):
        unit = times(unit, _base(part))
    for part in below.split("."):
        unit = per(unit, _base(part))
    return unit


def times(one: Unit, other: Unit) -> Unit:
    """Return the unit of a product."""
    exponents = dict(one)
    for base, exponent in other:
        exponents[base] = exponents.get(base, 0) + exponent
    return tuple(sorted((base, exponent) for base, exponent in exponents.items() if exponent))


def per(one: Unit, other: Unit) -> Unit:
    """Return the unit of a quotient."""
    return times(one, tuple((base, -exponent) for base, exponent in other))


def in_words(unit: Unit) -> str:
    """Return *unit* for an error message."""
    names = {BYTES: "a size in bytes", SECONDS: "a time in seconds", RATIO: "a ratio or count"}
    above = ".".join(_power(base, exponent) for base, exponent in unit if exponent > 0) or "1"
    below = "".join("/" + _power(base, -exponent) for base, exponent in unit if exponent < 0)
    return names.get(unit, above + below)


def _base(part: str) -> Unit:
    bare = part.strip()
    return RATIO if bare in {"", "1"} or bare.startswith("{") else ((bare, 1),)


def _power(base: str, exponent: int) -> str:
    return base if exponent == 1 else f"{base}{exponent}"
