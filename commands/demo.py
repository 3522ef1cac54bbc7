"""``feldsher demo``: the whole story on this machine, with real parts and one practice fault."""

import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from agent.hosts import processes
from commands.demo_words import COMPLAINT, SAYS
from commands.places import language_of
from contract.errors import FeldsherError
from contract.readable import percent
from contract.text import Language

FAULT_NAME = "practice-fault"
# Burns one core and nothing else. It limits itself: whatever happens to us, it is gone after a minute of work.
FAULT = f"""
import ctypes, resource
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
ctypes.CDLL(None).prctl(15, {FAULT_NAME.encode()!r}, 0, 0, 0)  # PR_SET_NAME: the process list shows whose it is
while True:
    pass
"""
FAULT_SHOWS_AFTER_SECONDS = 5.0
FAULT_PLAYBOOK = "end-runaway"
PATIENCE = timedelta(seconds=60)
LOOKS = 4
FOUND = 1  # the exit code of a diagnosis that found something
EVERY_SECONDS = 0.05


@click.command()
@click.option("--lang", type=click.Choice(["en", "ru"]), help="Language; by default the system's.")
@click.option("--stay/--no-stay", default=None, help="Stay up until Ctrl-C; by default only in a terminal.")
def demo(*, lang: Language | None, stay: bool | None) -> None:
    """Watch Feldsher find, repair and prove a practice fault on this machine.

    A collector on a free loopback port, this machine enrolled by a real code over real TLS, one process of the demo
    that burns a core, found by the ordinary rules and ended by the ordinary playbook. Nothing else is touched.
    """
    # A terminal that closes or a supervisor that ends us must not leave the practice fault behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="feldsher-demo-"))
    story = Story(lang or language_of(), folder)
    stays = sys.stdin.isatty() and sys.stdout.isatty() if stay is None else stay
    try:
        play(story)
        if stays:
            story.tell("stay", folder=str(folder))
            threading.Event().wait()
    except KeyboardInterrupt:
        click.echo()
    finally:
        story.end()
        shutil.rmtree(folder, ignore_errors=True)


class Story:
    """What runs for the demo, and what is told of it. Its processes are ended in reverse order, whatever happens."""

    def __init__(self, language: Language, folder: Path) -> None:
        self.language = language
        self.folder = folder
        self.collector = folder / "collector"
        self.agent = folder / "agent"
        self._begun = time.monotonic()
        self._children: list[Any] = []

    @property
    def environment(self) -> Mapping[str, str]:
        """What the demo's commands need to find its own collector and agent instead of any real ones."""
        return {
            "FELDSHER_CONTEXT": str(self.collector / "context.json"),
            "FELDSHER_AGENT_STATE": str(self.agent),
            "FELDSHER_LANG": self.language,
        }

    def tell(self, line: str, **values: str) -> None:
        """Say one line of the story, with its time."""
        seconds = time.monotonic() - self._begun
        click.echo(f"{seconds:6.1f} s  {SAYS[line].filled(values).in_language(self.language)}")

    def start(self, name: str, argv: Sequence[str]) -> int:
        """Start a part as its own process and return its number; what it logs goes into the demo's folder."""
        child = processes.start(
            (sys.executable, *argv), environment=self.environment, stderr=self.folder / f"{name}.log"
        )
        self._children.append(child)
        return int(child.pid)

    def run(self, *words: str, may_exit: Sequence[int] = (0,)) -> str:
        """Run one command of ours to its end, as a person would, and return what it printed."""
        try:
            ended = processes.run_to_end(
                (sys.executable, "-m", "cli", *words), environment=self.environment, time_limit=PATIENCE
            )
        except processes.OutOfTime as late:
            raise FeldsherError("timeout", f"“feldsher {words[0]}” {late.detail}") from late
        if ended.exit_code not in may_exit:
            said = ended.stderr.decode(errors="replace").strip()
            raise FeldsherError("own-error", f"“feldsher {words[0]}” ended with {ended.exit_code}: {said}")
        return ended.stdout.decode()

    def ask(self, *words: str, may_exit: Sequence[int] = (0,)) -> Any:
        """Run one command of ours with ``--json`` and return what it answered."""
        return json.loads(self.run(*words, "--json", may_exit=may_exit))

    def await_file(self, path: Path, what: str) -> Any:
        """Return the JSON in *path* once a process of ours has written it."""
        until = time.monotonic() + PATIENCE.total_seconds()
        while time.monotonic() < until:
            for child in self._children:
                if child.poll() is not None:
                    raise FeldsherError("own-error", f"a part of the demo ended early, with {child.returncode}")
            if path.exists():
                return json.loads(path.read_bytes())
            threading.Event().wait(EVERY_SECONDS)
        raise FeldsherError("timeout", f"{what} did not come up", where=str(path))

    def end(self) -> None:
        """End every process of the demo, the last started first."""
        while self._children:
            child = self._children.pop()
            processes.end_tree(child.pid, timedelta(seconds=5))
            child.wait()


def play(story: Story) -> None:
    """Tell the story from an empty folder to a finished ticket."""
    password = set_up_collector(story)
    host = enrol_this_machine(story)
    pid = story.start("fault", ("-c", FAULT))
    made = time.monotonic()
    story.tell("fault", program=FAULT_NAME, pid=str(pid))
    threading.Event().wait(max(0.0, made + FAULT_SHOWS_AFTER_SECONDS - time.monotonic()))

    ticket, finding = call_for_help(story, host, pid)
    where = [f"--set={label}={value}" for label, value in finding["where"].items()]
    order = (FAULT_PLAYBOOK, "--on", host, "--ticket", ticket, *where)
    story.ask("run", "start", *order, "--check")
    story.tell("plan", playbook=FAULT_PLAYBOOK)
    story.tell("order", playbook=FAULT_PLAYBOOK, ticket=ticket)
    for line, verdict in (("verdict", "fixed"), ("again", "healthy")):
        run = story.ask("run", "start", *order)
        if run["evidence"]["verdict"] != verdict:
            raise FeldsherError("own-error", f"the repair ended as {run['evidence']['verdict']}, not as {verdict}")
        story.tell(line, verdict=verdict)

    click.echo("\n" + story.run("ticket", "show", ticket, "--lang", story.language))
    address = json.loads((story.collector / "listening.json").read_bytes())["address"]
    story.tell("console", address=f"https://{address}/tickets/{ticket}", user="admin", password=password)
    story.tell("try", command=f"FELDSHER_CONTEXT={story.collector / 'context.json'} feldsher ticket show {ticket}")


def set_up_collector(story: Story) -> str:
    """Make a collector in the demo's folder, start it on a free port, and return the administrator's password."""
    made = story.ask("collector", "init", "--state", str(story.collector), "--admin", "admin")
    story.start(
        "collector", ("-m", "cli", "collector", "serve", "--state", str(story.collector), "--listen", "127.0.0.1:0")
    )
    address = story.await_file(story.collector / "listening.json", "the collector")["address"]
    story.tell("collector", address=address)
    return str(made["password"])


def enrol_this_machine(story: Story) -> str:
    """Enrol this machine with a real code, start its agent, and return the name the collector gave it."""
    code = story.ask("code", "create")["code"]
    host = str(story.ask("enrol", code, "--state", str(story.agent))["host"])
    story.start("agent", ("-m", "cli", "agent", "run", "--state", str(story.agent)))
    story.await_file(story.agent / "resident.json", "the agent")
    story.tell("enrolled", host=host)
    return host


def call_for_help(story: Story, host: str, pid: int) -> tuple[str, Any]:
    """Diagnose and send as a customer would; return the ticket and the finding about process *pid*."""
    said = COMPLAINT.in_language(story.language)
    for _ in range(LOOKS):
        story.tell("plea", words=said)
        sent = story.ask("diagnose", said, "--send", "--yes", may_exit=(0, FOUND))
        causes = [finding for finding in sent["report"]["findings"] if not finding.get("explained_by")]
        ours = next((cause for cause in causes if cause["where"].get("pid") == str(pid)), None)
        if ours:
            break
        # On a machine so busy that the fault gets hardly any of its processors, it shows only in a while.
        story.tell("unseen")
        threading.Event().wait(FAULT_SHOWS_AFTER_SECONDS)
    else:
        raise FeldsherError("busy", "this machine is too busy for one more program to stand out; try again later")
    ticket = str(sent["ticket"])
    if causes[0] is not ours:
        # The machine has a real trouble that weighs more: the customer's ticket is about that, as it should be.
        story.tell("graver", ticket=ticket, title=causes[0]["title"][story.language])
        ticket = str(story.ask("ticket", "new", "--on", host, FAULT_NAME)["number"])
    title = ours["title"][story.language]
    story.tell("ticket", ticket=ticket, title=title, sure=percent(ours["confidence"], story.language))
    for cause in causes:
        if cause is not ours:
            story.tell("also", title=cause["title"][story.language])
    return ticket, ours
