"""Runs the real resident with hands that touch nothing: ``python -m tests.fakes.resident STATE VITALS CHECKUP``."""

import sys
from datetime import timedelta
from pathlib import Path

from agent.resident.main import Settings, live
from contract.errors import FeldsherError


def main() -> int:
    state, vitals, checkup = sys.argv[1:]
    hands = (sys.executable, "-m", "tests.fakes.hands")
    settings = Settings(Path(state), timedelta(seconds=float(vitals)), timedelta(seconds=float(checkup)), hands)
    try:
        live(settings)
    except FeldsherError as error:
        sys.stderr.write(f"feldsher: error: {error}\n")
        return error.kind.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
