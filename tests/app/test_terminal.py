"""What people see is what was said, on any terminal, from any folder, read to its end or not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app as cli
from app.console import Console
from app.terminal import STYLES, styled
from core.errors import StorageError
from tests.support.paths import ROOT
from tests.support.trial_rows import begin, finish
from trials.store import TrialStore

#: Paths that rich's markup stumbles over, or swallows.
BRACKETS = ("x[/y]", "x[/]", "[bold]", "a[red", "[/bold]y", "[link=x]", "back\\", "[")


def vitro(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "main.py", *arguments]
    given = os.environ | {"VITRO_HOME": str(home)} | environment
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=120, errors="replace")


@pytest.mark.parametrize("text", BRACKETS)
def test_brackets_are_text(capsys: pytest.CaptureFixture[str], text: str) -> None:
    console = Console()
    console.say(f"in {text}.")
    console.say(f"[bold]in[/] {text}.")
    console.error(StorageError(f"{text} is full.", f"Empty {text}."))
    with console.stage(text) as line:
        line.detail = text
    console.table(text, ("a",), [(text,)])
    out = capsys.readouterr().out
    assert out.count(f"in {text}.") == 2 and f"{text} is full." in out and f"Empty {text}." in out


@pytest.mark.parametrize("style", STYLES)
def test_styles_are_seen_and_not_read(style: str) -> None:
    text = styled(f"a [{style}]b[/] c")
    assert text.plain == "a b c" and [(span.start, span.end, str(span.style)) for span in text.spans] == [(2, 3, style)]


def test_a_home_with_brackets_in_its_name_is_shown(tmp_path: Path) -> None:
    home = tmp_path / "x[/y]"
    shown = vitro("trials", "list", home=home)
    assert shown.returncode == 0 and str(home) in shown.stdout.replace("\n", "")


@pytest.mark.slow
def test_a_terminal_of_latin_1_gets_what_it_can_show(tmp_path: Path) -> None:
    shown = vitro("doctor", home=tmp_path, PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert "Traceback" not in shown.stderr and "? disk" in shown.stdout


@pytest.mark.parametrize("arguments", ["trials list", "trials list --json"])
def test_a_reader_that_goes_away_ends_nothing(tmp_path: Path, arguments: str) -> None:
    script = f"{sys.executable} main.py {arguments} | true; exit ${{PIPESTATUS[0]}}"
    given = os.environ | {"VITRO_HOME": str(tmp_path)}
    ended = subprocess.run(["bash", "-c", script], cwd=ROOT, env=given, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0 and "Error" not in ended.stderr


@pytest.mark.parametrize("number", ["99999999999999999999", "2147483648"])
def test_a_seed_beyond_all_seeds_is_wrong_usage(tmp_path: Path, number: str) -> None:
    ended = vitro("run", "--surface", "diffuse", "--seed", number, "--yes", "--headless", home=tmp_path)
    assert ended.returncode == 2 and "Traceback" not in ended.stderr and "--seed" in ended.stderr
    assert not (tmp_path / "trials.db").exists()


def test_a_home_that_takes_nothing_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "frames").mkdir()
    for home in (tmp_path / "file" / "home", Path("/proc/vitro")):
        monkeypatch.setenv("VITRO_HOME", str(home))
        ended = CliRunner().invoke(cli, ["dry-run", str(tmp_path / "frames")])
        assert ended.exit_code == 1 and str(home) in ended.stderr.replace("\n", "")


def test_a_log_that_may_only_be_read_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trials.db"
    with TrialStore(path) as store:
        finish(store, begin(store))
        begin(store)
    before = path.read_bytes()
    # As `os.access` tells an ordinary user of a log of another's: tests run as root too, whom nothing is forbidden.
    monkeypatch.setattr("os.access", lambda place, mode: mode != os.W_OK)
    with TrialStore(path, is_read=True) as store:
        assert len(store.list()) == 2
        with pytest.raises(StorageError, match="cannot be written by this user"):
            begin(store)
    assert path.read_bytes() == before
