"""What waits for others to call."""

from contract.sample import Quantity

LISTENING = Quantity(
    "net.listening", "bool", "A program waits for others at this address and port.", ("protocol", "address", "port")
)

ALL = (LISTENING,)
