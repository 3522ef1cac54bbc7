"""Puts a stranger's text into every field that can hold text."""

from enum import Enum
from typing import Any

import msgspec


def stained(thing: Any, payload: str) -> Any:
    """Return *thing* with *payload* as every text in it; structs keep their shape, words of ours (enums) stay."""
    match thing:
        case str() if not isinstance(thing, Enum):
            return payload
        case dict():
            return {label: stained(value, payload) for label, value in thing.items()}
        case tuple() | list():
            return type(thing)(stained(part, payload) for part in thing)
        case msgspec.Struct():
            kept = {"schema", "kind", "why", "role"}
            fields = {name: getattr(thing, name) for name in thing.__struct_fields__}
            return type(thing)(
                **{name: value if name in kept else stained(value, payload) for name, value in fields.items()}
            )
    return thing
