"""What the product may do in one place only, and what it may do nowhere."""

import ast
from pathlib import Path

import pytest

from tests.architecture.source import dotted, imports, literals, mentions, product_modules, tree

MODULES = product_modules()
STARTS_PROCESSES = Path("agent/hosts/processes.py")
KNOWS_A_PEER_BY_ITS_PIN = Path("agent/resident/identity.py")

STARTERS = {
    "subprocess", "pty", "multiprocessing", "os.system", "os.popen", "os.fork", "os.forkpty", "os.posix_spawn",
    "os.posix_spawnp", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "pexpect",
}  # fmt: skip
FAMILIES = ("os.exec", "os.spawn")
# Whoever is handed a running process may say so in its types.
NAMES_OF_A_TYPE = {"subprocess", "subprocess.Popen"}

# name: why it may stand nowhere.
NEVER = {
    "pickle": "reading one runs whatever its writer liked",
    "shelve": "the same, with a file around it",
    "marshal": "the same",
    "yaml.load": "the strict reader is the only way to read YAML",
    "yaml.unsafe_load": "the same",
    "yaml.full_load": "the same",
    "os.system": "a shell reads what a customer wrote",
    "os.popen": "the same",
    "eval": "expressions are a small language of our own",
    "exec": "the same",
    "AutoAddPolicy": "it trusts whoever answers first",
    "WarningPolicy": "the same, with a word",
    "_create_unverified_context": "it trusts whoever answers",
}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_one_place_starts_processes(module: Path) -> None:
    """A time limit that ends a whole process tree holds only if nobody starts one behind its back."""
    if module == STARTS_PROCESSES:
        return
    named = [*imports(module), *mentions(module)]
    wrong = [
        f"{module}:{line} {name}"
        for line, name in named
        if name not in NAMES_OF_A_TYPE
        and (name in STARTERS or name.split(".")[0] in STARTERS or name.startswith(FAMILIES))
    ]
    made = [
        f"{module}:{node.lineno} makes a process"
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and dotted(node.func) in {"Popen", "subprocess.Popen"}
    ]
    assert not [*wrong, *made]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_nothing_dangerous_stands_anywhere(module: Path) -> None:
    """Each of these turned one wrong file or one wrong peer into somebody else's machine."""
    named = [*imports(module), *mentions(module)]
    wrong = [
        f"{module}:{line} {name}: {NEVER[hit]}"
        for line, name in named
        if (hit := next((never for never in (name, name.split(".")[0], name.split(".")[-1]) if never in NEVER), ""))
        and not (hit in {"eval", "exec"} and "." in name)
    ]
    assert not wrong


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_call_opens_a_shell_or_skips_a_check(module: Path) -> None:
    """``shell=True`` and ``verify=False`` look harmless in review."""
    wrong = [
        f"{module}:{node.lineno} {keyword.arg}={keyword.value.value!r}"
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if isinstance(keyword.value, ast.Constant)
        and (keyword.arg, keyword.value.value) in {("shell", True), ("verify", False)}
    ]
    assert not wrong


def test_a_peer_without_a_certificate_check_is_one_known_by_its_pin() -> None:
    """Before the authority is known, its fingerprint in the code is the check; nowhere else may there be none."""
    places = {
        module for module in MODULES for _, name in mentions(module) if name.endswith(("CERT_NONE", "CERT_OPTIONAL"))
    }
    assert {place for place in places if place.parts[0] == "agent"} <= {KNOWS_A_PEER_BY_ITS_PIN}
    lax = {module for module in MODULES for _, name in mentions(module) if name.endswith("CERT_NONE")}
    assert lax <= {KNOWS_A_PEER_BY_ITS_PIN}


def test_no_public_resolver_or_clock_is_known_by_heart() -> None:
    """Where a customer's machine sends packets is for its owner to say."""
    known = {"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "77.88.8.8", "pool.ntp.org", "time.google.com"}
    wrong = [
        f"{module}:{line} {text}" for module in MODULES for line, text in literals(module) if known & set(text.split())
    ]
    assert not wrong
