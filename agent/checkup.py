"""One look at one host: probes to samples, samples to findings, scrubbed before anybody sees them."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Literal

from agent.diagnosis import diagnose, quantities_of
from agent.hosts.base import Host, HostError
from agent.probes.base import BETWEEN_READINGS, Probe, Unreadable
from agent.probes.catalogue import probes_for, probes_giving
from agent.rule import Rule, load_rules
from agent.scrub import scrub
from contract.report import NotSeen, Report
from contract.sample import Sample


@dataclass(frozen=True, slots=True)
class Look:
    """What the probes saw, and which of them could not look."""

    samples: tuple[Sample, ...]
    not_seen: tuple[NotSeen, ...]
    took_seconds: float


def examine(
    host: Host,
    *,
    why: Literal["schedule", "order", "person", "repair"],
    complaint: str = "",
    rules: Sequence[Rule] | None = None,
) -> Report:
    """Look at *host* and say what is wrong and why.

    With *rules*, only what they need is looked at, and only they are judged; else everything we know.
    """
    at, begun = host.now(), host.elapsed()
    judged = load_rules() if rules is None else tuple(rules)
    seen = look(host, probes_for(host.facts.os) if rules is None else probes_giving(quantities_of(judged)))
    diagnosis = diagnose(seen.samples, judged, complaint=complaint)
    return scrub(
        Report(
            at=at,
            took_seconds=round(host.elapsed() - begun, 3),
            why=why,
            host=host.facts,
            samples=seen.samples,
            findings=diagnosis.findings,
            rules=tuple(rule.rule for rule in judged),
            cannot_tell=diagnosis.cannot_tell,
            not_seen=seen.not_seen,
            complaint=complaint,
        )
    )


def look(host: Host, probes: Sequence[Probe]) -> Look:
    """Ask every probe, all at the same time, and give none of them longer than its limit.

    A probe that is refused, fails or hangs costs nobody else anything: it is listed with its reason.
    """
    begun = host.elapsed()
    rates = [probe for probe in probes if probe.twice]
    first = {probe.name: _read(host, probe) for probe in rates}
    waiting = [_start(host, probe) for probe in probes if not probe.twice]
    if rates:
        host.wait(BETWEEN_READINGS)
    readings: dict[str, tuple[Any, ...]] = {probe.name: (first[probe.name], _read(host, probe)) for probe in rates}
    for started in waiting:
        readings[started.probe.name] = (started.finish(host),)

    samples: list[Sample] = []
    not_seen: list[NotSeen] = []
    for probe in probes:
        not_seen += _understand(probe, readings[probe.name], samples)
    return Look(tuple(samples), tuple(not_seen), round(host.elapsed() - begun, 3))


@dataclass(frozen=True, slots=True)
class _Started:
    """A reading under way in a thread of its own, so that one dead server cannot hold up the rest."""

    probe: Probe
    begun: float
    answer: SimpleQueue[Any]

    def finish(self, host: Host) -> Any:
        left = self.probe.time_limit.total_seconds() - (host.elapsed() - self.begun)
        try:
            return self.answer.get(timeout=max(0.0, left))
        except Empty:
            return NotSeen(self.probe.name, "too-slow", f"no answer within {self.probe.time_limit.total_seconds():g} s")


def _start(host: Host, probe: Probe) -> _Started:
    started = _Started(probe, host.elapsed(), SimpleQueue())
    # A daemon: a reading that never returns must not keep the whole program from ending.
    threading.Thread(target=lambda: started.answer.put(_read(host, probe)), name=probe.name, daemon=True).start()
    return started


def _read(host: Host, probe: Probe) -> Any:
    try:
        return probe.read(host)
    except HostError as error:
        return NotSeen(probe.name, error.reason, str(error))


def _understand(probe: Probe, readings: tuple[Any, ...], samples: list[Sample]) -> list[NotSeen]:
    """Add to *samples* what *readings* say; return what stood in the way.

    A probe yields what it is sure of before it complains: one broken memory stick must not hide a full disk.
    """
    gaps = [reading for reading in readings if isinstance(reading, NotSeen)]
    if gaps:
        return gaps[:1]
    try:
        for sample in probe.understand(*readings):
            samples.append(sample)  # noqa: PERF402 - extend would lose what came before the complaint
    except Unreadable as error:
        return [NotSeen(probe.name, "unreadable", str(error))]
    return []
