"""Records the machine this runs on as a capture, and writes down what each probe makes of a capture.

``python -m tests.captures.record web-server`` looks at this machine with every probe and keeps all that was answered
in ``tests/captures/web-server``; with ``--expect`` it only writes the expectations anew. What they say is for a person
to check. README.md here says what to look for.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from agent.hosts.base import Host, HostError, Ran, Space, Stat
from agent.hosts.local_linux import LocalLinux
from agent.hosts.recorded import Recorded
from agent.probes.base import BETWEEN_READINGS, Probe, Unreadable
from agent.probes.catalogue import PROBES
from contract.report import HostFacts

T = TypeVar("T")
CAPTURES = Path(__file__).parent
_LONG = 4000


def seen(host: Host, probe: Probe) -> dict[str, Any]:
    """Return all that *probe* makes of *host*: its samples, and why there are no more, in plain values."""
    samples = []
    try:
        readings = [probe.read(host)]
        if probe.twice:
            host.wait(BETWEEN_READINGS)
            readings.append(probe.read(host))
        for sample in probe.understand(*readings):
            samples.append({"name": sample.name, "value": sample.value, "where": sample.where})  # noqa: PERF401 - those before a refusal are kept
    except HostError as error:
        return {"samples": samples, "refused": error.reason}
    except Unreadable as error:
        return {"samples": samples, "unreadable": str(error)}
    return {"samples": samples}


class Recording:
    """A host that passes every question on to *host*, and keeps what was answered."""

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        self._name = name
        self._now = host.now()
        self._later = False
        self.files: dict[str, bytes] = {}
        self.tables: dict[str, dict[str, Any]] = {
            "folders": {},
            "links": {},
            "stats": {},
            "spaces": {},
            "folder_bytes": {},
        }
        self.lists: dict[str, list[dict[str, Any]]] = {"runs": [], "asks": [], "refusals": []}
        self.between_seconds = 0.0

    @property
    def facts(self) -> HostFacts:
        """The machine's facts under its new name."""
        return msgspec.structs.replace(self._host.facts, name=self._name)

    def now(self) -> datetime:
        """The machine's clock."""
        return self._host.now()

    def wait(self, span: timedelta) -> None:
        """Wait; what is read from here on goes to the second layer."""
        self._host.wait(span)
        self._later = True

    def elapsed(self) -> float:
        """The machine's own."""
        return self._host.elapsed()

    def read(self, path: str, limit_bytes: int = 1024 * 1024) -> bytes:
        """Read, and keep it in the layer of this reading."""
        content = self._kept(path, lambda: self._host.read(path, limit_bytes))
        layer = "later" if self._later and self.files.get("files" + path) != content else "files"
        self.files[layer + path] = content
        return content

    def list(self, path: str) -> Sequence[str]:
        """List; the two readings see the same folder, one that was left between is refused later."""
        names = self._kept(path, lambda: list(self._host.list(path)))
        known = self.tables["folders"].setdefault(path, [])
        self.tables["folders"][path] = sorted({*known, *names})
        for gone in sorted({*known} - {*names}):
            self.lists["refusals"].append({"path": f"{path}/{gone}", "reason": "not-there", "later": True})
        return names

    def stat(self, path: str) -> Stat:
        """Keep the state of one path."""
        stat = self._kept(path, lambda: self._host.stat(path))
        self.tables["stats"][path] = asdict(stat)
        return stat

    def link_target(self, path: str) -> str:
        """Keep where a link points; that a path is no link needs no line."""
        target = self._host.link_target(path)
        self.tables["links"][path] = target
        return target

    def space(self, path: str) -> Space:
        """Keep the room."""
        space = self._kept(path, lambda: self._host.space(path))
        self.tables["spaces"][path] = asdict(space)
        return space

    def folder_bytes(self, path: str, limit_entries: int = 200_000) -> int:
        """Keep the sum."""
        size = self._kept(path, lambda: self._host.folder_bytes(path, limit_entries))
        self.tables["folder_bytes"][path] = size
        return size

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        time_limit: timedelta = timedelta(seconds=10),
    ) -> Ran:
        """Keep how a command went."""
        line: dict[str, Any] = {"argv": list(argv)}
        self.lists["runs"].append(line)
        try:
            ran = self._host.run(argv, stdin=stdin, environment=environment, time_limit=time_limit)
        except HostError as error:
            line |= {"refused": error.reason, "detail": error.detail}
            raise
        line |= {"exit_code": ran.exit_code, "stderr": ran.error_text, "took_seconds": ran.took.total_seconds()}
        if len(ran.stdout) <= _LONG:
            line["stdout"] = ran.text
        else:
            line["stdout_file"] = f"runs/{argv[0]}-{len(self.lists['runs'])}.txt"
            self.files[line["stdout_file"]] = ran.stdout
        return ran

    def ask(self, address: str, port: int, payload: bytes, time_limit: timedelta) -> bytes:
        """Keep an answer, and which part of it repeats the question's random number."""
        line: dict[str, Any] = {"address": address, "port": port}
        self.lists["asks"].append(line)
        begun = self._host.elapsed()
        try:
            answer = self._host.ask(address, port, payload, time_limit)
        except HostError as error:
            line |= {"refused": error.reason, "detail": error.detail}
            raise
        finally:
            line["took_seconds"] = round(self._host.elapsed() - begun, 6)
        is_clock = len(payload) == 48
        line |= {"answer_hex": answer.hex(), "echo": [[40, 24, 8]] if is_clock else [[0, 0, 2]]}
        return answer

    def write(self, path: str, content: bytes, mode: int | None = None) -> None:
        """Nothing is changed while recording."""
        raise AssertionError(path)

    def remove(self, path: str) -> None:
        """Nothing is changed while recording."""
        raise AssertionError(path)

    def end_process(self, pid: int, started: str, grace: timedelta) -> bool:
        """Nothing is changed while recording."""
        raise AssertionError(pid)

    def save(self, folder: Path) -> None:
        """Write the capture into *folder*, which must be new."""
        folder.mkdir(parents=True)
        own_name = self._host.facts.name.encode()
        for path, content in self.files.items():
            here = folder / path
            here.parent.mkdir(parents=True, exist_ok=True)
            here.write_bytes(content.replace(own_name, self._name.encode()) if len(own_name) > 3 else content)
        clock = {"now": self._now, "between_seconds": round(self.between_seconds, 6)}
        kept: dict[str, Any] = {"facts": self.facts, "clock": clock, **self.tables, **self.lists}
        for name, value in kept.items():
            if value:
                _write(folder / f"{name}.json", value)

    def _kept(self, path: str, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except HostError as error:
            line = {"path": path, "reason": error.reason, "detail": error.detail, "later": self._later}
            if error.reason != "not-there" or self._later:
                self.lists["refusals"].append(line)
            raise


def record(host: Host, name: str, folder: Path, probes: Iterable[Probe] = PROBES) -> None:
    """Look at *host* with every probe, as a checkup does, and keep it in *folder*."""
    recording = Recording(host, name)
    probes = tuple(probes)
    begun = recording.elapsed()
    _read_all(recording, (probe for probe in probes if probe.twice))
    recording.wait(BETWEEN_READINGS)
    recording.between_seconds = recording.elapsed() - begun
    _read_all(recording, (probe for probe in probes if probe.twice))
    recording._later = False
    _read_all(recording, (probe for probe in probes if not probe.twice))
    recording.save(folder)


def expect(folder: Path) -> None:
    """Write down what each probe makes of the capture in *folder*."""
    (folder / "expected").mkdir(exist_ok=True)
    for probe in PROBES:
        made = seen(Recorded(folder), probe)
        # One sample a line: that is how a person reads them, and how a difference shows.
        lines = ",\n  ".join(json.dumps(sample, ensure_ascii=False) for sample in made["samples"])
        rest = "".join(f', "{key}": {json.dumps(made[key])}' for key in made if key != "samples")
        text = f'{{"samples": [{lines and chr(10) + "  " + lines + chr(10)}]{rest}}}\n'
        (folder / "expected" / f"{probe.name}.json").write_text(text)


def _read_all(host: Host, probes: Iterable[Probe]) -> None:
    for probe in probes:
        try:
            probe.read(host)
        except HostError as error:
            sys.stderr.write(f"{probe.name}: {error}\n")


def _write(path: Path, value: Any) -> None:
    text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False, indent=1, sort_keys=True)
    path.write_text(text + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="the folder under tests/captures, and the machine's name in it")
    parser.add_argument("--expect", action="store_true", help="only write the expectations anew")
    parser.add_argument("--into", type=Path, default=CAPTURES, help="another place for the folder")
    options = parser.parse_args()
    if not options.expect:
        record(LocalLinux(), options.name, options.into / options.name)
    expect(options.into / options.name)
