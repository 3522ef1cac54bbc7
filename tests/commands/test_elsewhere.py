"""``feldsher diagnose --on``: another machine, the same words, and one line when it cannot be reached."""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from agent.hosts.base import Ran
from agent.hosts.local_linux import LocalLinux
from commands.elsewhere import password_from
from contract.errors import FeldsherError
from tests.fakes.sshd import Sshd

LIMIT = timedelta(seconds=60)
SECRET = "Tr0ub4dor"


def feldsher(*words: str, home: Path, environment: dict[str, str] | None = None) -> Ran:
    """Run the command as a person does, with a home of its own."""
    surroundings = {"HOME": str(home), "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])}
    return LocalLinux().run(
        (sys.executable, str(Path.cwd() / "cli.py"), *words),
        environment={**surroundings, **(environment or {})},
        time_limit=LIMIT,
    )


def url(server: Sshd) -> str:
    return f"ssh://{server.user}@127.0.0.1:{server.port}"


@pytest.mark.slow
def test_another_machine_is_diagnosed_like_this_one(server: Sshd, tmp_path: Path) -> None:
    """The technician reads the same report, wherever it was made."""
    opened = ("--identity", str(server.identity), "--fingerprint", server.fingerprint)
    far = feldsher("diagnose", "--json", "--on", url(server), *opened, home=tmp_path)
    here = feldsher("diagnose", "--json", home=tmp_path)
    assert far.exit_code == here.exit_code
    there, local = json.loads(far.stdout), json.loads(here.stdout)
    assert there["host"] == local["host"]
    assert {finding["rule"] for finding in there.get("findings", [])} == {
        finding["rule"] for finding in local.get("findings", [])
    }


@pytest.mark.slow
def test_a_refusal_is_one_line_with_a_remedy(server: Sshd, tmp_path: Path) -> None:
    """Ten lines of a library's inside teach nobody what to do."""
    (tmp_path / "password").write_text(SECRET + "\n")
    (tmp_path / "password").chmod(0o600)
    by_password = ("--password-from", f"file:{tmp_path}/password", "--fingerprint", server.fingerprint)
    for words, code, slug in (
        (("--on", url(server)), 5, "not-trusted"),
        (("--on", url(server), *by_password), 3, "not-signed-in"),
        (("--on", "ssh://root@127.0.0.1:1"), 5, "unreachable"),
        (("--on", f"ssh://root:{SECRET}@127.0.0.1"), 2, "usage"),
        (("--on", url(server), "--password-from", SECRET), 2, "usage"),
        (("--identity", "x"), 2, "usage"),
        (("--on", url(server), "--send"), 2, "usage"),
    ):
        ran = feldsher("diagnose", "--json", *words, home=tmp_path)
        assert ran.exit_code == code, ran.error_text
        assert ran.error_text.startswith(f"feldsher: error: {slug}: "), ran.error_text
        assert ran.error_text.count("\n") == 1
        assert SECRET not in ran.error_text + ran.text


@pytest.mark.slow
def test_this_machine_is_looked_at_without_the_library_for_others(tmp_path: Path) -> None:
    """A customer who looks at their own computer has no use for it, and may not have it."""
    script = "import sys; sys.modules['paramiko'] = None; sys.argv = ['feldsher', 'diagnose', '--json']\n"
    script += "import cli; cli.main()"
    surroundings = {"PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])}
    ran = LocalLinux().run((sys.executable, "-c", script), environment=surroundings, time_limit=LIMIT)
    assert ran.exit_code in {0, 1}, ran.error_text
    asked = script.replace("'--json'", "'--on', 'ssh://root@127.0.0.1:1'")
    ran = LocalLinux().run((sys.executable, "-c", asked), environment=surroundings, time_limit=LIMIT)
    assert ran.error_text.startswith("feldsher: error: config: paramiko is not installed"), ran.error_text


def test_a_password_is_named_and_never_given(tmp_path: Path) -> None:
    """Whatever stands on a command line can be read by everybody on that machine."""
    path = tmp_path / "password"
    path.write_text(f"{SECRET} ё\nmore\n")
    path.chmod(0o600)
    assert password_from(f"file:{path}") == f"{SECRET} ё"
    path.chmod(0o644)
    for reference in (f"file:{path}", f"file:{path}.none", SECRET, "env:", "env:FELDSHER_NO_SUCH_NAME", "file:", ""):
        with pytest.raises(FeldsherError) as told:
            password_from(reference)
        assert SECRET not in str(told.value)
