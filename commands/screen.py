"""Where results go: standard output whole or not at all, progress on standard error, in what the screen can show."""

import errno
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from collector.wording import visible
from contract.errors import FeldsherError

READER_LEFT = 141
"""What a shell reports of a tool that SIGPIPE ended."""

_MARKS = "■▲◆●○✓✗→↶·—–“”«»\u00a0\u202f"
_PLAIN = str.maketrans(_MARKS, '!!**ovx><---""""  ') | {ord("…"): "..."}


def show(text: str) -> None:
    """Write a result to standard output; raises ``storage-full``, and ends quietly when the reader has gone."""
    try:
        sys.stdout.write(fitted(text, sys.stdout.encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go(sys.stdout)
        raise SystemExit(READER_LEFT) from None
    except OSError as error:
        _let_go(sys.stdout)
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise FeldsherError("storage-full", "the output has no room where it goes") from None
        raise FeldsherError("config", f"the output cannot be written: {os.strerror(error.errno or 0)}") from None


def show_json(answer: Any) -> None:
    """Write a result as JSON."""
    show(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")


def progress(line: str) -> None:
    """Tell how it goes, on standard error."""
    sys.stderr.write(fitted(line, sys.stderr.encoding) + "\n")
    sys.stderr.flush()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return *rows* in columns under *head*; no text in them can steer the screen or break the line."""
    lines = [[_on_one_line(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n" for line in lines
    )


def fitted(text: str, encoding: str | None) -> str:
    """Return *text* so that a screen of *encoding* can show all of it: plain marks for ours, escapes for the rest."""
    encoding = encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return text


def _on_one_line(text: str) -> str:
    return visible(text).replace("\n", "\\n").replace("\t", " ")


def _let_go(stream: TextIO) -> None:
    # What is left in the buffer would fail once more when the interpreter ends, with a traceback of its own.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
