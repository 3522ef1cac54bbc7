"""The repairs a ticket offers: what the library's playbooks say of themselves, filled in for the finding's place."""

from dataclasses import dataclass

from agent.repair.playbook import load_playbook
from contract.errors import FeldsherError
from contract.finding import Finding
from contract.text import Text


@dataclass(frozen=True, slots=True)
class Remedy:
    """One playbook as it is offered."""

    name: str
    version: str
    title: Text
    risk: str
    ask: Text | None


def remedies_for(finding: Finding | None) -> list[Remedy]:
    """Return the playbooks that answer *finding*, in the order its rule names them; one that is gone is left out."""
    remedies = []
    for name in finding.remedy if finding else ():
        try:
            playbook = load_playbook(name)
        except FeldsherError:
            continue
        labels = finding.where if finding else {}
        ask = playbook.ask.filled(labels) if playbook.ask else None
        remedies.append(Remedy(name, playbook.version, playbook.title.filled(labels), playbook.risk.word, ask))
    return remedies
