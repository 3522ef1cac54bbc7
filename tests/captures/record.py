"""Records the machine this runs on as a capture, and writes down what each probe makes of a capture.

``python -m tests.captures.record web-server`` is ``feldsher record --out tests/captures/web-server --name web-server``
and the expectations; with ``--expect`` it only writes these anew. What they say is for a person
to check. README.md here says what to look for.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from agent.checkup import look
from agent.hosts.base import Host, HostError
from agent.hosts.capture import write_capture
from agent.hosts.local_linux import LocalLinux
from agent.hosts.recorded import Recorded
from agent.hosts.recording import Recording
from agent.probes.base import BETWEEN_READINGS, Probe, Unreadable
from agent.probes.catalogue import PROBES

CAPTURES = Path(__file__).parent


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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="the folder under tests/captures, and the machine's name in it")
    parser.add_argument("--expect", action="store_true", help="only write the expectations anew")
    parser.add_argument("--into", type=Path, default=CAPTURES, help="another place for the folder")
    options = parser.parse_args()
    if not options.expect:
        recording = Recording(LocalLinux())
        look(recording, PROBES)
        write_capture(recording, options.into / options.name, called=options.name)
    expect(options.into / options.name)
