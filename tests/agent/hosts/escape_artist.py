"""A command that tries to outlive its time limit: ``escape_artist.py WAY``. It prints the number of the one to catch.

Run by the tests of processes and never imported by them.
"""

import os
import signal
import sys
import time

LONG_SECONDS = 300


def appear(*, environment: dict[str, str] | None = None) -> None:
    os.write(1, b"%d\n" % os.getpid())
    if environment is not None:
        os.execve("/bin/sleep", ["sleep", str(LONG_SECONDS)], environment)  # noqa: S606 - no shell is what we want
    time.sleep(LONG_SECONDS)


def leave(*, environment: dict[str, str] | None = None) -> None:
    """Leave session, group and parent, as a daemon does."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            appear(environment=environment)
        os._exit(0)


def fork_plainly() -> None:
    if os.fork() == 0:
        appear()


def fork_into_a_session() -> None:
    if os.fork() == 0:
        os.setsid()
        appear()


def leave_by_a_parent_that_goes() -> None:
    if os.fork() == 0:
        leave()
        os._exit(0)


def ignore_term() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    appear()


def leave_and_go() -> None:
    leave()
    sys.exit()


def multiply(generation: int = 0) -> None:
    """Fork while being killed: at most 3 + 9 + 27 + 81 of us."""
    if generation == 0:
        os.write(1, b"%d\n" % os.getpid())
    for _ in range(3 if generation < 4 else 0):
        if os.fork() == 0:
            os.setsid()
            multiply(generation + 1)
        time.sleep(0.01)
    time.sleep(LONG_SECONDS)


WAYS = {
    "plain": fork_plainly,
    "setsid": fork_into_a_session,
    "daemon": leave,
    "parent-gone": leave_by_a_parent_that_goes,
    "ignores-term": ignore_term,
    "sheds-its-mark": lambda: leave(environment={"PATH": "/bin"}),
    "root-gone": leave_and_go,
    "multiplies": multiply,
}
WAYS[sys.argv[1]]()
time.sleep(LONG_SECONDS)
