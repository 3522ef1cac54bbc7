"""Services of systemd."""

from pathlib import Path

import pytest

from agent.hosts.base import NotThere, Unreachable
from agent.probes import services_linux
from contract.sample import Value
from tests.fakes.capture import captured, until_unreadable


def unit(name: str, load: str = "loaded", active: str = "active", result: str = "success", restarts: str = "0") -> str:
    return f"Result={result}\nNRestarts={restarts}\nId={name}\nLoadState={load}\nActiveState={active}\n"


def services(*units: str) -> dict[tuple[str, ...], Value]:
    reading = services_linux.Reading("\n".join(units).encode(), 0)
    return {(sample.name, *sample.where.values()): sample.value for sample in services_linux.understand(reading)}


def test_a_failed_service_is_told_with_its_reason() -> None:
    """That it does not start has seven causes, and systemd knows which."""
    seen = services(unit("web.service", active="failed", result="oom-kill", restarts="5"), unit("cron.service"))
    assert seen["service.failed", "web.service"] is True
    assert seen["service.result", "web.service"] == "oom-kill"
    assert seen["service.restarts", "web.service"] == 5
    assert seen["service.failed", "cron.service"] is False
    assert seen["services.failed_count",] == 1


def test_a_stopped_service_is_known_to_be_stopped() -> None:
    """A repair that checks "is it running?" would get no answer."""
    assert services(unit("a.service", active="inactive"))["service.active", "a.service"] is False


def test_a_service_that_is_not_installed_is_not_told() -> None:
    """Others mention it in "After=", and systemd lists it."""
    assert not any(
        "auditd" in name for key in services(unit("auditd.service", "not-found"), unit("b.service")) for name in key
    )


def test_output_that_was_cut_gives_no_count() -> None:
    """The failed one may be in the part that is missing."""
    samples, why = until_unreadable(services_linux.understand(services_linux.Reading(unit("a.service").encode(), 10)))
    assert "more services" in why
    assert "services.failed_count" not in {sample.name for sample in samples}


def test_a_machine_without_systemd_has_no_services_of_it(tmp_path: Path) -> None:
    """No failed service would be good news that nobody looked for."""
    with pytest.raises(NotThere, match="openrc"):
        services_linux.read(captured(tmp_path, facts={"init": "openrc"}))


def test_a_systemd_that_does_not_answer_is_unreachable(tmp_path: Path) -> None:
    """A dead bus is itself the illness."""
    runs = [{"argv": services_linux.SHOW, "exit_code": 1, "stderr": "Failed to connect to bus: Host is down\n"}]
    with pytest.raises(Unreachable, match="Host is down"):
        services_linux.read(captured(tmp_path, runs=runs))
