"""Interfaces, addresses and the way out."""

from contract.sample import Quantity

INTERFACE_UP = Quantity("net.interface_up", "bool", "Whether it has a link and is switched on.", ("interface",))
ERRORS = Quantity(
    "system.network.errors", "{error}", "Packets lost to errors since the interface began, both ways.", ("interface",)
)
GATEWAY_REACHABLE = Quantity(
    "net.gateway_reachable", "bool", "Whether the router answered the last time we needed it; absent if we never did."
)
HAS_GATEWAY = Quantity("net.has_gateway", "bool", "Whether there is a way out of the local network.")
HAS_ADDRESS = Quantity("net.has_address", "bool", "Whether there is an address that others can answer to.")

ALL = (INTERFACE_UP, ERRORS, GATEWAY_REACHABLE, HAS_GATEWAY, HAS_ADDRESS)
