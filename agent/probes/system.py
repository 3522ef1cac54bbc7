"""What a machine says of itself."""

from contract.sample import Privacy, Quantity

NAME = Quantity("os.name", "text", "The operating system: linux or windows.", privacy=Privacy.PUBLIC)
FAMILY = Quantity("os.family", "text", "The distribution it descends from: debian, rhel ...", privacy=Privacy.PUBLIC)
VERSION = Quantity("os.version", "text", "The version of the distribution.", privacy=Privacy.PUBLIC)
INIT = Quantity(
    "os.init", "text", "What starts its services: systemd, or the name of process 1.", privacy=Privacy.PUBLIC
)
ELEVATED = Quantity("os.elevated", "bool", "Whether we looked with an administrator's rights.", privacy=Privacy.PUBLIC)
UPTIME = Quantity("system.uptime", "s", "How long ago the machine was started.", privacy=Privacy.PUBLIC)

ALL = (NAME, FAMILY, VERSION, INIT, ELEVATED, UPTIME)
