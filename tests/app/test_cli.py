"""The command line: quick help, wrong usage named, errors with a next step."""

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name

import pytest
from typer.testing import CliRunner

from app.cli import app as cli
from app.cli import main
from app.options import names_in
from app.paths import cell_file
from core.errors import ConfigurationError
from core.surfaces import SURFACES
from grasping.detection.registry import find_detector
from grasping.planning.registry import find_planner
from perception.estimators.registry import find_estimator
from tests.support.paths import ROOT
from tests.support.trial_rows import finish, row
from trials.store import TrialStore


def vitro(*arguments: str, home: Path, python: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *python, "main.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "VITRO_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_every_command_that_is_named_by_its_place_is_there() -> None:
    places = [
        place for file in (ROOT / "app").rglob("*.py") for place in re.findall(r'"(app[.\w]+:\w+)"', file.read_text())
    ]
    assert len(places) > 15 and all(resolve_name(place) for place in places)


BLAS = """
from contextlib import suppress
from app.cli import main
with suppress(SystemExit):
    main(["--help"])
import numpy as np
from core.threads import OpenBlas
print(OpenBlas(np.linalg._umath_linalg.__file__, "64_").threads)
"""


def test_a_command_computes_with_one_blas_thread_unless_told_otherwise() -> None:
    for given, wanted in (({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2")):
        clean = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
        done = subprocess.run([sys.executable, "-c", BLAS], cwd=ROOT, env=clean | given, capture_output=True, text=True)
        assert done.stdout.split()[-1] == wanted


def test_help_lists_the_commands_without_loading_anything_heavy(tmp_path: Path) -> None:
    done = vitro("--help", home=tmp_path, python=("-X", "importtime"))
    assert done.returncode == 0
    for command in ("run", "dry-run", "record", "grasps", "trials", "doctor"):
        assert command in done.stdout
    for heavy in ("torch", "mitsuba", "open3d", "viser", "mujoco", "pyrealsense2", "numpy", "pydantic", "sqlalchemy"):
        assert f"| {heavy}\n" not in done.stderr.replace(" ", "").replace("|", "| "), heavy


@pytest.mark.parametrize(
    "arguments",
    [
        ("--surface", "diffuse", "--cell", "nowhere"),
        ("--surface", "diffuse", "--cell", "nowhere.yaml"),
        ("--surface", "diffuse", "--estimator", "nowhere.py"),
        ("calibrate", "--cell", "nowhere"),
        ("dry-run", "nowhere.db3"),
        ("depth", "nowhere.mp4", "--out", "depth"),
        ("grasps", "--rgb", "nowhere.png", "--depth", "d.npy", "--intrinsics", "1,2,3,4", "--out", "g.npy"),
    ],
)
def test_what_is_not_there_is_told_before_anything_heavy_is_loaded(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = vitro(*arguments, home=tmp_path, python=("-X", "importtime"))
    assert done.returncode == 2 and "nowhere" in done.stderr
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"numpy", "scipy", "cv2", "mujoco", "torch", "sqlalchemy"}


def test_weights_are_listed_without_loading_pytorch(tmp_path: Path) -> None:
    done = vitro("weights", "where", home=tmp_path, python=("-X", "importtime"))
    assert done.returncode == 0 and "dkt" in done.stdout
    assert "|torch\n" not in done.stderr.replace(" ", "")


def test_an_unknown_surface_is_wrong_usage_and_lists_the_choices(tmp_path: Path) -> None:
    done = vitro("--surface", "velvet", home=tmp_path)
    assert done.returncode == 2
    for surface in ("reflective", "translucent", "diffuse"):
        assert surface in done.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--surface", "diffuse", "--estimator", "psychic"), "psychic"),
        (("--surface", "diffuse", "--cell", "nowhere"), "nowhere"),
        (("--surface", "diffuse", "--camera", "sim", "--arms", "piper"), "one world"),
        (("--surface", "diffuse", "--camera", "main.py"), "dry-run"),
        (("--surface", "diffuse", "--camera", "webcam"), "webcam"),
        (("dry-run", "does-not-exist.db3"), "does-not-exist.db3"),
        (("grasps", "--rgb", "main.py", "--depth", "main.py", "--intrinsics", "1,2,3", "--out", "c"), "fx,fy,cx,cy"),
    ],
)
def test_what_cannot_be_done_is_named_with_a_next_step(
    arguments: tuple[str, ...],
    word: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    monkeypatch.setattr("app.cli._leave_if_busy", lambda code: None)  # what other tests gave up would end pytest
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code in (1, 2)
    said = capsys.readouterr().err
    assert word in said and "→" in said


def test_an_empty_log_is_a_table_without_rows_and_valid_json(tmp_path: Path) -> None:
    done = vitro("trials", "list", "--json", home=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"trials": []}


def test_a_package_that_is_not_installed_is_named_with_the_set_up_command(tmp_path: Path) -> None:
    code = "import sys; sys.modules['mujoco'] = None; from app.cli import main; main(['--surface', 'diffuse', '--yes'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "VITRO_HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "needs mujoco" in done.stderr and "./setup.sh" in done.stderr and "Traceback" not in done.stderr


def test_a_long_name_cuts_no_column_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    estimator = "dkt-1.3b (fast bfloat16 cuda 832x480 5 steps)"
    with TrialStore(tmp_path / "trials.db") as store:
        finish(store, store.begin(row(estimator=estimator)).id)
    for table in ("list", "summary"):
        done = CliRunner().invoke(cli, ["trials", table])
        assert "reflective" in done.stdout and estimator in done.stdout and "…" not in done.stdout


def test_the_log_as_json_has_all_that_tells_trials_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path))
    with TrialStore(tmp_path / "trials.db") as store:
        finish(store, store.begin(row(seed=71, notes={"table": {"tags": 6}})).id)
    (trial,) = json.loads(CliRunner().invoke(cli, ["trials", "list", "--json"]).stdout)["trials"]
    assert (trial["seed"], trial["cell"], trial["world"], trial["notes"]) == (71, "sim", "sim", {"table": {"tags": 6}})
    assert trial["outcome"] == "success" and trial["metric"] == {"scale": None, "shift": None, "residual_mm": None}


HEAPS = """
import ctypes, sys, threading
from contextlib import suppress
from app import cli

with suppress(SystemExit):
    cli.main(["--help"])
pictures = [threading.Thread(target=lambda: [bytearray(50_000) for _ in range(100)]) for _ in range(8)]
for thread in pictures:
    thread.start()
for thread in pictures:
    thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype, libc.fopen.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_char_p)
libc.malloc_info.argtypes = ctypes.c_int, ctypes.c_void_p
libc.fclose.argtypes = (ctypes.c_void_p,)
file = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="glibc's heaps alone are counted")
def test_threads_that_come_and_go_leave_one_heap(tmp_path: Path) -> None:
    told = tmp_path / "heaps.xml"
    subprocess.run([sys.executable, "-c", HEAPS, str(told)], cwd=ROOT, check=True, capture_output=True)
    assert told.read_text().count("<heap nr=") == 1


@pytest.mark.parametrize(
    ("find", "given", "meant"),
    [
        (find_estimator, "vitros", "vitro-s"),
        (find_estimator, "DKT-1.3B", "dkt-1.3b"),
        (find_detector, "antipodel", "antipodal"),
        (find_planner, "OMPL", "ompl"),
        (cell_file, "simm", "sim"),
        (lambda text: names_in(text, SURFACES), "difuse", "diffuse"),
        (find_estimator, "zzzz", None),
    ],
)
def test_a_mistyped_name_is_told_with_the_one_that_was_meant(find, given: str, meant: str | None) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find(given)
    assert repr(given) in caught.value.cause
    assert caught.value.cause.partition("Did you mean ")[2] == (f"{meant!r}?" if meant else "")


def test_a_file_or_folder_that_is_no_yaml_is_told_from_a_cell_that_there_is_not() -> None:
    for given, said in ((ROOT / "README.md", "README.md is no .yaml"), (ROOT / "app", "app is a folder")):
        with pytest.raises(ConfigurationError, match=said):
            cell_file(str(given))


def test_a_word_that_lacks_an_options_dashes_is_told_with_it(tmp_path: Path) -> None:
    done = vitro("trials", "label", "1", "sucess", home=tmp_path)
    told = " ".join(done.stderr.replace("│", " ").split())
    assert done.returncode == 2 and "(sucess) Did you mean '--success'?" in told


WAITS = """
import sys, time
from app import cli
from app.options import exit_code

def command(*_, **__):
    def wait():
        print("begun", flush=True)
        time.sleep(float(sys.argv[1]))
        return 0
    sys.exit(exit_code(wait, as_json=True))

cli.app = command
cli.main(["dry-run"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_command_that_is_told_to_end_ends_as_by_ctrl_c(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITS, "60"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # which tests in the background may have off
    ) as running:
        assert running.stdout is not None and running.stdout.readline() == "begun\n"
        running.send_signal(number)
        told = json.loads(running.stdout.read())
    assert running.returncode == told["exit_code"] == 130


def test_a_command_under_nohup_goes_on() -> None:
    command = ["nohup", sys.executable, "-c", WAITS, "0.5"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None and running.stdout.readline() == "begun\n"
        running.send_signal(signal.SIGHUP)
    assert running.returncode == 0
