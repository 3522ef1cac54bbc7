"""Questions to a name server and what it answers, as bytes (RFC 1035, section 4). Pure but for the random number."""

from os import urandom
from socket import AF_INET, inet_ntop
from struct import Struct

ADDRESS, SERVERS = 1, 2  # the types A and NS
_HEADER = Struct(">2sBBHHHH")
_RECORD = Struct(">HHIH")
_IS_ANSWER, _OPCODE, _RECURSION, _OUTCOME = 0x80, 0x78, 0x01, 0x0F
# A forwarder whose own source is dead says "server failure" or "refused": for whoever asks, that is no answer.
_NO_ANSWER = frozenset({2, 5})
_POINTER = 0xC0
_LABEL_BYTES, _NAME_BYTES = 63, 253
_INTERNET = 1
_MOST_RECORDS = 64


def question(kind: int, name: str = "") -> bytes:
    """Return the question for records of *kind* at *name* (empty: the root); `ValueError` when no name is like that.

    Its number is one nobody can guess: an answer to it was made by someone who saw the question.
    """
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".") if name.rstrip(".")]
    if len(name) > _NAME_BYTES or any(not 0 < len(label) <= _LABEL_BYTES for label in labels):
        raise ValueError(name)
    packed = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    number = urandom(2)
    return _HEADER.pack(number, _RECURSION, 0, 1, 0, 0, 0) + packed + bytes([0, kind, 0, _INTERNET])


def is_answer(asked: bytes, answer: bytes) -> bool:
    """Tell whether *answer* is one to the question *asked*, from a server that can find out."""
    if len(answer) < _HEADER.size:
        return False
    number, flags, outcome, *_ = _HEADER.unpack_from(answer)
    return (
        number == asked[:2]
        and bool(flags & _IS_ANSWER)
        and not flags & _OPCODE
        and outcome & _OUTCOME not in _NO_ANSWER
    )


def first_address(asked: bytes, answer: bytes) -> str:
    """Return the first IPv4 address in *answer*; empty when there is none, or it is no answer."""
    if not is_answer(asked, answer):
        return ""
    _, _, _, questions, records, _, _ = _HEADER.unpack_from(answer)
    at = _HEADER.size
    for _ in range(min(questions, _MOST_RECORDS)):
        at = _after_name(answer, at) + 4
    for _ in range(min(records, _MOST_RECORDS)):
        at = _after_name(answer, at)
        if at + _RECORD.size > len(answer):
            return ""
        kind, net, _, length = _RECORD.unpack_from(answer, at)
        at += _RECORD.size
        if (kind, net, length) == (ADDRESS, _INTERNET, 4) and at + length <= len(answer):
            return inet_ntop(AF_INET, answer[at : at + length])
        at += length
    return ""


def _after_name(message: bytes, at: int) -> int:
    """Return where the name that begins at *at* ends. Pointers are stepped over, never followed: no loop."""
    while at < len(message) and message[at]:
        if message[at] >= _POINTER:
            return at + 2
        at += 1 + message[at]
    return at + 1
