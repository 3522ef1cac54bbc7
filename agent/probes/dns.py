"""Whether names can be looked up, and by whom."""

from contract.sample import Quantity

CONFIGURED = Quantity("dns.server_configured", "bool", "The system asks this server for names.", ("server",))
ANSWER = Quantity(
    "dns.system_answer_seconds",
    "s",
    "How long a server that the system asks took to answer; missing when it gave no answer that is one.",
    ("server",),
)
ANSWERING = Quantity("dns.servers_answering", "{server}", "How many of the servers that the system asks answered.")
OTHER_ANSWER = Quantity(
    "dns.other_answer_seconds", "s", "How long another server took; missing when there is none or it is silent too."
)
OTHER_SERVER = Quantity("dns.other_server", "text", "The other server that answered.")
MANAGED_BY = Quantity(
    "dns.managed_by", "text", "What writes the list of servers: file, systemd-resolved, NetworkManager or resolvconf."
)

ALL = (CONFIGURED, ANSWER, ANSWERING, OTHER_ANSWER, OTHER_SERVER, MANAGED_BY)
