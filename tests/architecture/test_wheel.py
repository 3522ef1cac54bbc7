"""An installed copy carries all it needs and works from any folder."""

import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.architecture.source import PROJECT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel once, without a network: what builds it is locked with the rest."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), folder=PROJECT)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def feldsher(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an environment of its own, with the libraries of this one behind it."""
    here = tmp_path_factory.mktemp("another place")
    _run(sys.executable, "-m", "venv", "--without-pip", str(here), folder=here)
    install = ("-m", "pip", "--python", str(here / "bin/python"), "install", "--quiet", "--no-deps", "--no-index")
    _run(sys.executable, *install, "--disable-pip-version-check", str(wheel), folder=here)
    [packages] = (here / "lib").glob("python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return here / "bin/feldsher"


def _run(*argv: str, folder: Path) -> str:
    ran = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_wheel_carries_the_library_and_the_pages(wheel: Path) -> None:
    """Whoever installs it has no checkout beside it."""
    inside = set(ZipFile(wheel).namelist())
    kept = ("rules/*.yaml", "playbooks/*.yaml", "docs/articles/*.md", "collector/web/templates/*.html")
    wanted = {path.relative_to(PROJECT).as_posix() for pattern in kept for path in PROJECT.glob(pattern)}
    assert wanted
    assert wanted | {"cli.py"} <= inside
    static = {path.relative_to(PROJECT).as_posix() for path in (PROJECT / "collector/web/static").rglob("*.*")}
    assert static <= inside


def test_the_wheel_carries_nothing_else(wheel: Path) -> None:
    """Tests and benchmarks would land beside other people's packages."""
    tops = {name.split("/")[0] for name in ZipFile(wheel).namelist() if ".dist-info" not in name}
    assert tops <= {"contract", "agent", "collector", "commands", "cli.py", "rules", "playbooks", "docs"}


def test_an_installed_copy_finds_its_library_from_any_folder(feldsher: Path, tmp_path: Path) -> None:
    """A service runs in / and a technician anywhere."""
    assert "Commands:" in _run(str(feldsher), "--help", folder=tmp_path)
    listed = _run(str(feldsher), "rule", "ls", folder=tmp_path)
    assert all(path.stem in listed for path in (PROJECT / "rules").glob("*.yaml") if path.stem != "complaints")
    assert all(
        path.stem in _run(str(feldsher), "playbook", "ls", folder=tmp_path) for path in PROJECT.glob("playbooks/*.yaml")
    )


def test_an_installed_copy_runs_itself_and_not_the_checkout(feldsher: Path, tmp_path: Path) -> None:
    """Otherwise this file would prove nothing."""
    where = _run(
        str(feldsher.parent / "python"), "-c", "import agent.library as it; print(it.__file__)", folder=tmp_path
    )
    assert str(feldsher.parents[1]) in where


def test_an_installed_copy_sets_up_a_collector(feldsher: Path, tmp_path: Path) -> None:
    """Its pages and the shapes of its store are found where they were installed; agents connect to it."""
    made = _run(
        str(feldsher), "collector", "init", "--state", str(tmp_path / "state"), "--admin", "ada", folder=tmp_path
    )
    assert "ada" in made
    assert (tmp_path / "state/settings.json").exists()
