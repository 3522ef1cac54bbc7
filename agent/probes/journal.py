"""What the system itself complained about. Only counts and senders; the messages are never read."""

from contract.sample import Quantity

ERRORS = Quantity("journal.errors_since_boot", "{message}", "Errors in the journal since the start, at most 1000.")
ERRORS_BY_SENDER = Quantity(
    "journal.errors_by_identifier", "{message}", "How many of those errors each sender wrote.", ("identifier",)
)

ALL = (ERRORS, ERRORS_BY_SENDER)
