"""The locked requirements fit pyproject.toml, carry hashes and name no host."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.demo.processes import CHECKOUT

FILES = ("run", "demo", "dev", "installer")


def _locked(name: str) -> dict[str, str]:
    text = (CHECKOUT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[.*\])?==([^\s;]+)", text, re.MULTILINE))


def _asked(name: str) -> list[Requirement]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    asked = list(project["project"]["dependencies"])
    if name in {"demo", "dev"}:
        asked += groups["demo"]
    if name == "dev":
        asked += [entry for entry in groups["dev"] if isinstance(entry, str)]
    return [Requirement(text) for text in asked]


@pytest.mark.parametrize("name", ["run", "demo", "dev"])
def test_every_requirement_is_locked_to_a_version_that_fits(name: str) -> None:
    locked = _locked(name)
    misfits = [
        str(asked)
        for asked in _asked(name)
        if not asked.specifier.contains(locked.get(asked.name.lower(), "0"))
    ]
    assert misfits == [], "run `make lock`"


@pytest.mark.parametrize("name", FILES)
def test_every_locked_package_has_hashes_and_no_address(name: str) -> None:
    text = (CHECKOUT / "requirements" / f"{name}.txt").read_text()
    assert not re.search(r"://|--index|--find-links|--trusted-host", text)
    packages = re.split(r"\n(?=\S)", text.strip())
    assert packages
    assert [entry for entry in packages if "--hash=sha256:" not in entry] == []


def test_what_the_tests_install_is_enough_for_the_demo() -> None:
    assert _locked("demo").items() <= _locked("dev").items()
    assert _locked("run").items() <= _locked("demo").items()


def test_a_python_without_venv_is_told_what_to_install(tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT / "requirements", tmp_path / "requirements")
    (tmp_path / "demo").mkdir()
    shutil.copy(CHECKOUT / "demo" / "bootstrap.py", tmp_path / "demo")
    (tmp_path / "demo" / "ensurepip.py").write_text("raise ImportError('left out by Debian')")
    done = subprocess.run(
        [sys.executable, tmp_path / "demo" / "bootstrap.py", "demo"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()
