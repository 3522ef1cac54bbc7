"""What can go wrong: a sentence, a slug, an exit code, an HTTP status. Standard library only: the resident uses it.

`KINDS` is the whole list; ``docs/errors/<slug>.md`` opens on each.
"""

from typing import NamedTuple


class Kind(NamedTuple):
    """One way to go wrong."""

    exit_code: int
    status: int
    meaning: str


KINDS: dict[str, Kind] = {
    # A message that is not acceptable as framed
    "bad-request": Kind(2, 400, "The message is not HTTP as we speak it."),
    "timeout": Kind(2, 408, "The other side took too long to say it."),
    "too-large": Kind(2, 413, "The message is larger than is taken here."),
    "archive-limit": Kind(2, 413, "The message unpacks to more than is taken here."),
    "headers-too-large": Kind(2, 431, "There are more headers, or longer ones, than are taken here."),
    "unsupported-media": Kind(2, 415, "The content type or coding is not one we read."),
    "version": Kind(2, 426, "The two sides speak different versions of the protocol."),
    "json-syntax": Kind(2, 400, "The text is not JSON."),
    "json-depth": Kind(2, 400, "The JSON is nested deeper than 32."),
    "schema": Kind(2, 422, "The message is well-formed but not one of ours."),
    "limit": Kind(2, 422, "A field is longer or larger than is taken."),
    "digest": Kind(2, 422, "The content does not match its digest."),
    "not-found": Kind(2, 404, "There is no such thing, or it is not yours to see."),
    # A file a person wrote
    "yaml-syntax": Kind(2, 422, "The file is not YAML."),
    "yaml-alias": Kind(2, 422, "Anchors, aliases and merge keys are not allowed: they hide what a file says."),
    "yaml-depth": Kind(2, 422, "The file is nested deeper than 16."),
    "yaml-tag": Kind(2, 422, "Tags and directives are not allowed: a file is plain data."),
    "yaml-duplicate-key": Kind(2, 422, "A key is written twice; one of them would be lost."),
    "yaml-control": Kind(2, 422, "An invisible character could hide what the file says."),
    "yaml-encoding": Kind(2, 422, "The file is not UTF-8 text."),
    "yaml-documents": Kind(2, 422, "The file holds more than one document."),
    "yaml-root": Kind(2, 422, "The file must be a mapping at the top."),
    "yaml-size": Kind(2, 422, "The file is larger than 256 KiB."),
    "yaml-ambiguous": Kind(2, 422, "An unquoted word means different things to different readers."),
    "playbook-schema": Kind(2, 422, "The playbook has a key, value or step that playbooks do not have."),
    "rule-schema": Kind(2, 422, "The rule has a key or value that rules do not have."),
    "policy-schema": Kind(2, 422, "The policy has a key or value that policies do not have."),
    "expression": Kind(2, 422, "The expression cannot be read, or names something no probe gives."),
    "risk-mismatch": Kind(2, 422, "The playbook declares less risk than its steps carry."),
    "parameter": Kind(2, 422, "A parameter is missing, unknown or of the wrong kind."),
    # The command line and local files
    "usage": Kind(2, 400, "The command was called in a way it does not know."),
    "config": Kind(2, 422, "A local file or setting cannot be used."),
    "bundle": Kind(2, 422, "The file is not a bundle of ours."),
    "file-exists": Kind(2, 409, "There is a file already, and it is not overwritten."),
    # Who you are, what you may
    "enrol-code": Kind(3, 401, "The enrolment code is wrong, used up or too old."),
    "not-signed-in": Kind(3, 401, "Sign in first."),
    "weak-key": Kind(3, 422, "The key is of a kind that is not trusted."),
    "forbidden": Kind(4, 403, "You are known, but may not do this."),
    "host-revoked": Kind(4, 403, "This host's identity was withdrawn."),
    "not-for-this-host": Kind(4, 403, "The order names another host."),
    "order-expired": Kind(4, 403, "The order came outside its time window."),
    "order-repeated": Kind(4, 409, "The order was seen before."),
    "playbook-not-trusted": Kind(4, 403, "The playbook's bytes are not the ones that came with this agent."),
    "policy-denied": Kind(4, 403, "The policy of this host's owner does not allow it."),
    "consent": Kind(4, 403, "The person at the computer did not agree."),
    # The other end
    "unreachable": Kind(5, 502, "The other side does not answer."),
    "not-trusted": Kind(5, 502, "The other side could not prove who it is."),
    "unexpected-answer": Kind(5, 502, "The other side answered something we do not understand."),
    # Clashes and room
    "conflict": Kind(6, 409, "It clashes with what is recorded."),
    "identity-conflict": Kind(6, 409, "Two live agents claim to be this host."),
    "already-enrolled": Kind(6, 409, "This host has an identity already."),
    "state-exists": Kind(6, 409, "The folder holds a state already."),
    "state-damaged": Kind(6, 409, "The recorded state cannot be read."),
    "busy": Kind(7, 503, "It is busy with something else; try again."),
    "rate": Kind(7, 429, "Too many requests; try again later."),
    "storage-full": Kind(7, 507, "There is no room to write it down safely."),
    "state-not-writable": Kind(7, 507, "The state folder cannot be written."),
    "port-in-use": Kind(7, 503, "Another program listens on that port."),
    "needs-person": Kind(8, 409, "A person has to decide first."),
    "own-error": Kind(70, 500, "This is our own mistake; please report it."),
}


class FeldsherError(Exception):
    """Something a person can understand and act on.

    *slug* is one of `KINDS`, *what* the sentence, *where* ``file:line`` or a field path, *remedy* what to do.
    """

    def __init__(self, slug: str, what: str, *, where: str = "", remedy: str = "") -> None:
        self.slug = slug
        self.kind = KINDS[slug]
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(f"{slug}: {what}{f' ({where})' if where else ''}{f'; {remedy}' if remedy else ''}")
