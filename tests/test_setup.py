"""Set-up installs what the code imports, once, and says the exact line where it may not."""

import ast
import os
import re
import shutil
import stat
import subprocess
import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ("core", "hardware", "perception", "grasping", "trials", "calibration", "app", "main")
#: Add-ons (docs/add-ons.md): imported only where a person has installed them.
ADD_ONS = {"gsnet", "curobo", "graspnetAPI"}


def pins(name: str) -> dict[str, str]:
    """Package -> version of a requirements file; every line must be an exact pin."""
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    matches = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines if line]
    assert all(matches), f"{name} holds a line that is not an exact pin"
    return {canonical(match[1]): match[2] for match in matches if match}


def canonical(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def sources() -> list[Path]:
    folders = [ROOT / layer for layer in LAYERS if (ROOT / layer).is_dir()]
    return [*ROOT.glob("*.py"), *(path for folder in folders for path in folder.rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Top names of every module a file imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


# What is pinned.


@pytest.mark.slow
def test_every_package_the_code_imports_is_required() -> None:
    required, provides = pins("requirements.txt"), packages_distributions()
    for path in sources():
        for name in imported(path) - set(sys.stdlib_module_names) - set(LAYERS) - ADD_ONS:
            packages = {canonical(package) for package in [name, *provides.get(name, [])]}
            assert packages & set(required), f"{path.name} imports {name}, which requirements.txt does not bring"


def test_every_requirement_is_among_the_constraints_with_the_same_version() -> None:
    constraints = pins("constraints.txt")
    for package, wanted in (pins("requirements.txt") | pins("requirements-dev.txt")).items():
        assert constraints.get(package) == wanted, package


def test_what_is_installed_is_what_is_pinned() -> None:
    for package, wanted in pins("requirements.txt").items():
        assert version(package).split("+")[0] == wanted, package


# What the script does, with an interpreter that only writes down what it is asked.

FAKE_PYTHON = """#!/usr/bin/env bash
case "$*" in
    *"sys.version_info <"*) exit "${FAKE_TOO_OLD:-0}" ;;
    *"-m venv"*) echo venv >>"$FAKE_LOG"; mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
    *"pip install"*)
        all="$*"
        echo "install ${all#*-c }" >>"$FAKE_LOG"
        echo "no route to the index"
        exit "${FAKE_PIP:-0}" ;;
    --version) echo "Python 3.11.9" ;;
esac
"""
FAKE_LDCONFIG = '#!/usr/bin/env bash\necho "${FAKE_LIBRARIES-$ALL_LIBRARIES}"\n'
LIBRARIES = re.findall(r'^    "(lib\S+) (\S+)"$', (ROOT / "setup.sh").read_text(), re.MULTILINE)


class Clone:
    """A fresh clone whose python, package manager and user are played by scripts on PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "clone", folder / "log"
        self.folder.mkdir()
        self.log.touch()
        for name in ("setup.sh", "requirements.txt", "requirements-dev.txt", "constraints.txt"):
            shutil.copy(ROOT / name, self.folder)
        tools = folder / "bin"
        tools.mkdir()
        for tool in ("bash", "cat", "cp", "dirname", "env", "grep", "mkdir", "sha256sum", "tail"):
            (tools / tool).symlink_to(shutil.which(tool) or tool)
        self._script(tools / "python3", FAKE_PYTHON)
        self._script(tools / "ldconfig", FAKE_LDCONFIG)
        self._script(tools / "id", "#!/usr/bin/env bash\necho 1000\n")
        self._script(tools / "sudo", "#!/usr/bin/env bash\nexit 1\n")
        self._script(tools / "apt-get", '#!/usr/bin/env bash\necho "apt $*" >>"$FAKE_LOG"\n')
        everything = "".join(f"\t{library} (libc6,x86-64)\n" for library, _ in LIBRARIES) + "\tlibLLVM.so.19.1 (libc6)"
        self.environment = {"PATH": str(tools), "FAKE_LOG": str(self.log), "ALL_LIBRARIES": everything}

    @staticmethod
    def _script(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def setup(self, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "./setup.sh", *options],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    @property
    def done(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_a_second_run_installs_nothing(clone: Clone) -> None:
    assert clone.setup().returncode == 0
    assert clone.done == ["venv", "install constraints.txt -r requirements.txt"]
    assert clone.setup().returncode == 0
    assert len(clone.done) == 2


def test_a_changed_pin_is_installed_into_the_same_environment(clone: Clone) -> None:
    clone.setup()
    with (clone.folder / "constraints.txt").open("a") as file:
        file.write("another==1.0\n")
    assert clone.setup().returncode == 0
    assert clone.done == ["venv", *["install constraints.txt -r requirements.txt"] * 2]


def test_the_tests_tools_come_only_when_asked_for(clone: Clone) -> None:
    clone.setup("--dev")
    assert clone.done[-1] == "install constraints.txt -r requirements.txt -r requirements-dev.txt"


def test_a_failed_install_says_why_and_is_tried_again(clone: Clone) -> None:
    failed = clone.setup(FAKE_PIP="1")
    assert failed.returncode == 1
    assert "no route to the index" in failed.stderr and "./setup.sh again" in failed.stderr
    assert "ready" not in failed.stdout
    assert clone.setup().returncode == 0
    assert clone.done.count("install constraints.txt -r requirements.txt") == 2


def test_without_the_right_to_install_libraries_the_exact_line_is_printed(clone: Clone) -> None:
    run = clone.setup(FAKE_LIBRARIES="libc.so.6")
    packages = " ".join(package for _, package in LIBRARIES)
    lines = [line.strip() for line in run.stderr.splitlines()]
    assert run.returncode == 1 and clone.done == []
    assert f"sudo apt-get update && sudo apt-get install -y {packages} libllvm19" in lines


def test_without_a_usable_llvm_the_slower_renderer_is_announced(clone: Clone) -> None:
    run = clone.setup(FAKE_LIBRARIES=clone.environment["ALL_LIBRARIES"].replace("19.1", "15"))
    assert run.returncode == 0 and "scalar renderer" in run.stdout


def test_with_the_right_only_what_is_missing_is_installed(clone: Clone) -> None:
    clone._script(Path(clone.environment["PATH"]) / "id", "#!/usr/bin/env bash\necho 0\n")
    libraries = clone.environment["ALL_LIBRARIES"].replace("libusb-1.0.so.0", "libusb-0.1.so.4")
    assert clone.setup(FAKE_LIBRARIES=libraries).returncode == 0
    assert clone.done[:2] == ["apt -qq update", "apt -qq install -y --no-install-recommends libusb-1.0-0"]


def test_a_python_too_old_is_named_before_anything_is_made(clone: Clone) -> None:
    run = clone.setup(FAKE_TOO_OLD="1")
    assert run.returncode == 1 and "Python 3.11" in run.stderr
    assert clone.done == [] and not (clone.folder / ".venv").exists()


def test_an_unknown_option_is_refused(clone: Clone) -> None:
    assert clone.setup("--all").returncode == 1
    assert clone.done == []


@pytest.mark.parametrize("script", ["setup.sh", "test.sh", ".ci/run"])
def test_scripts_may_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)


@pytest.mark.parametrize(
    "options", [["tests/nope"], ["-n1", "tests/nope"], ["-n1", "-m", "slow", __file__, "tests/nope.py::a"]]
)
def test_a_mistyped_path_ends_the_tests_at_once_and_is_named(options: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", *options], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"There is no {options[-1]}" in done.stderr and "passed" not in done.stdout
