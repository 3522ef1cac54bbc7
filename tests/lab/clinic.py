"""A machine with a street (a router, a resolver), a collector and an agent of its own: all inside it, all real."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from contract.evidence import Evidence
from contract.finding import Finding
from contract.report import Report
from tests.lab.machine import INSIDE, Machine

ROUTER, RESOLVER, DEAD_RESOLVER, OWN = "10.77.0.1", "10.77.0.53", "10.77.0.9", "10.77.0.2"
CLOCKS = ("10.77.0.123", "10.77.0.124")
STATE = "/var/lib/feldsher-collector"
REPAIR_SECONDS = 180
# A machine shares processors, memory and disk throughput with the computer it is booted on: these may speak of that.
SHARED = frozenset({"cpu-saturated", "memory-exhausted", "memory-ran-out-before", "disk-overloaded"})
CONTEXT = {"FELDSHER_CONTEXT": f"{STATE}/context.json"}


@dataclass
class Clinic:
    """A booted machine that lives in a street and is looked after. *host* is its name at the collector."""

    machine: Machine
    host: str = ""

    def diagnose(self) -> Report:
        """Look, as the customer does."""
        ran = self.machine.feldsher("diagnose", "--json", ok=False)
        assert ran.exit_code in {0, 1}, ran.stderr
        return msgspec.json.decode(ran.stdout, type=Report)

    def found(self, rule: str) -> Finding:
        """Look, and return the finding of *rule*; it must be the first cause told."""
        report = self.diagnose()
        causes = [cause for cause in report.causes if cause.rule not in SHARED]
        assert causes, f"nothing was found; cannot tell: {report.cannot_tell}; not seen: {report.not_seen}"
        assert causes[0].rule == rule, [cause.key for cause in causes]
        return causes[0]

    def repair(self, playbook: str, place: Mapping[str, str], *words: str) -> Evidence:
        """Order *playbook* through the collector, wait for the agent's hands, and return the evidence."""
        settings = [f"--set={label}={value}" for label, value in place.items()]
        order = ("run", "start", playbook, "--on", self.host, *settings, *words, "--json")
        ran = self.machine.run(
            "python3", f"{INSIDE}/cli.py", *order, ok=False, environment=CONTEXT, patience=REPAIR_SECONDS
        )
        assert ran.stdout, ran.stderr
        return msgspec.convert(json.loads(ran.stdout)["evidence"], Evidence)

    def ask(self, *words: str) -> Any:
        """Run a technician's command inside and return what it answered."""
        ran = self.machine.run("python3", f"{INSIDE}/cli.py", *words, "--json", environment=CONTEXT)
        return json.loads(ran.stdout)

    def open_street(self) -> None:
        """Give the machine a network: a router that answers, a name server, and one address where nobody lives."""
        machine = self.machine
        machine.run("systemd-run", "--quiet", "--unit=feldsher-street", "-p", "PrivateNetwork=yes", "sleep", "infinity")
        street = machine.run("systemctl", "show", "--property=MainPID", "--value", "feldsher-street").stdout.strip()
        machine.run("ip", "link", "add", "host0", "type", "veth", "peer", "name", "street0", "netns", street)
        beyond = ("nsenter", "--net", "--target", street)
        for address in (ROUTER, RESOLVER, *CLOCKS):
            machine.run(*beyond, "ip", "address", "add", f"{address}/24", "dev", "street0")
        machine.run(*beyond, "ip", "link", "set", "street0", "up")
        machine.run("ip", "address", "add", f"{OWN}/24", "dev", "host0")
        machine.run("ip", "link", "set", "host0", "up")
        machine.run("ip", "route", "add", "default", "via", ROUTER)
        machine.run("ping", "-c", "1", "-w", "5", ROUTER)
        machine.write("/etc/resolv.conf", f"nameserver {RESOLVER}\n")
        self.serve("dns", RESOLVER)

    def serve(self, *words: str) -> None:
        """Start one of the street's servers."""
        street = self.machine.run(
            "systemctl", "show", "--property=MainPID", "--value", "feldsher-street"
        ).stdout.strip()
        script = f"{INSIDE}/tests/lab/street_servers.py"
        beyond = ("nsenter", "--net", "--target", street, "python3", script)
        self.machine.start(f"feldsher-{words[0]}-{words[1].replace('.', '-')}", *beyond, *words)

    def close(self, *words: str) -> None:
        """End one of the street's servers."""
        self.machine.run("systemctl", "stop", f"feldsher-{words[0]}-{words[1].replace('.', '-')}")

    def move_in(self) -> None:
        """Set up a collector, enrol the machine with a real code, and start its agent."""
        feldsher = ("python3", f"{INSIDE}/cli.py")
        self.ask("collector", "init", "--state", STATE, "--admin", "admin")
        self.machine.start("feldsher-collector", *feldsher, "collector", "serve", "--state", STATE)
        self.await_file(f"{STATE}/listening.json")
        self.host = self.ask("enrol", self.ask("code", "create")["code"])["host"]
        self.machine.start("feldsher-agent", *feldsher, "agent", "run")
        self.await_file("/var/lib/feldsher/resident.json")

    def await_file(self, path: str) -> None:
        """Return once *path* is there."""
        self.machine.run("timeout", "20", "sh", "-c", 'until test -s "$1"; do sleep 0.05; done', "sh", path)
