"""A machine in memory that can be changed: files, folders, programs and the commands it answers."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from agent.hosts.base import FileKind, NotAllowed, NotThere, Ran, Space, Stat, Unreachable
from contract.report import HostFacts

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
FACTS = HostFacts(
    name="bench", os="linux", family="debian", version="12", kernel="6.1", init="systemd", arch="x86_64", elevated=True
)
Answers = Callable[[Sequence[str]], str | Ran]


def ran(stdout: str = "", exit_code: int = 0, stderr: str = "") -> Ran:
    return Ran(exit_code, stdout.encode(), stderr.encode(), timedelta(0))


class Workbench:
    """A `Host`. *answers* says what a command prints; what it does not know is not there."""

    def __init__(self, files: Mapping[str, bytes] | None = None, answers: Answers | None = None) -> None:
        self.files = dict(files or {})
        self.links: set[str] = set()
        self.ages: dict[str, timedelta] = {}
        self.programs: dict[int, str] = {}
        self.stubborn: set[int] = set()
        self.asked: list[tuple[str, ...]] = []
        self.facts = FACTS
        self.seconds = 0.0
        self._answers = answers

    def now(self) -> datetime:
        return NOW

    def wait(self, span: timedelta) -> None:
        self.seconds += span.total_seconds()

    def elapsed(self) -> float:
        return self.seconds

    def read(self, path: str, limit_bytes: int = 1024 * 1024) -> bytes:
        if path not in self.files:
            raise NotThere(path)
        return self.files[path][:limit_bytes]

    def list(self, path: str) -> Sequence[str]:
        inside = {name.removeprefix(path + "/").split("/")[0] for name in self.files if name.startswith(path + "/")}
        if not inside:
            raise NotThere(path)
        return sorted(inside)

    def stat(self, path: str) -> Stat:
        modified = NOW - self.ages.get(path, timedelta(0))
        if path in self.links:
            return Stat(FileKind.LINK, 0, 0o777, 0, 0, modified)
        if path in self.files:
            return Stat(FileKind.FILE, len(self.files[path]), 0o644, 0, 0, modified)
        if any(name.startswith(path + "/") for name in self.files):
            return Stat(FileKind.FOLDER, 0, 0o755, 0, 0, modified)
        raise NotThere(path)

    def link_target(self, path: str) -> str:
        raise NotThere(path)

    def space(self, path: str) -> Space:
        return Space(2**40, 2**39, 2**39, 1000, 500)

    def folder_bytes(self, path: str, limit_entries: int = 200_000) -> int:
        raise NotThere(path)

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        time_limit: timedelta = timedelta(seconds=10),
    ) -> Ran:
        self.asked.append(tuple(argv))
        if self._answers is None:
            raise NotThere(argv[0])
        answer = self._answers(argv)
        return ran(answer) if isinstance(answer, str) else answer

    def ask(self, address: str, port: int, payload: bytes, time_limit: timedelta) -> bytes:
        raise Unreachable(address)

    def write(self, path: str, content: bytes, mode: int | None = None) -> None:
        if path in self.links:
            raise NotAllowed(path, "it is a link")
        self.files[path] = content

    def remove(self, path: str) -> None:
        if path not in self.files:
            raise NotThere(path)
        del self.files[path]

    def end_process(self, pid: int, started: str, grace: timedelta) -> bool:
        if self.programs.get(pid) != started:
            raise NotThere(str(pid), "another program has this number now")
        if pid in self.stubborn:
            return False
        del self.programs[pid]
        return True
