"""One fault in one phase of one trial, in a process of its own that may hang, be killed or run out of everything."""

import logging
import os
import signal
import sys
import traceback
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread

from app.bench.faults import parts
from app.bench.faults.cell import SIGNALS, FaultyCell, Motion, TellingConsole
from app.bench.faults.kinds import Fault
from app.bench.faults.registry import all_faults
from app.bench.faults.script import Script, Stage
from app.options import exit_code
from app.run import worker
from app.run.command import run_trials
from app.run.options import RunOptions
from core.cell import Cell
from core.surfaces import Surface

#: A tinted glass bottle within reach; the right arm takes it.
SCENE = 8
#: A case that takes longer [s] hangs.
LIMIT_S = 90.0
#: What hangs is waited for so long [s] instead of a minute or more.
HANG_LIMIT_S = 15.0
#: Loaded once, where every case's process begins.
_PRELOADED = ["app.bench.faults.case", "open3d", "ompl", "toppra", "piper_sdk", "pupil_apriltags"]


@dataclass(frozen=True)
class Ended:
    """How a case's process ended. exit: minus the signal that killed it; None: it hung. motion: None where it was
    killed, or where the fault never struck."""

    exit: int | None
    output: str
    motion: Motion | None

    @property
    def has_struck(self) -> bool:
        """Whether the phase came; of what hung or was killed, it is taken for granted."""
        return self.motion is not None or self.exit is None or self.exit < 0


def run_case(fault: Fault, phase: Stage, folder: Path) -> Ended:
    """Runs one trial with this fault, its log in `folder`."""
    context = get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    answers, answering = context.Pipe(duplex=False)
    told, telling = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(fault.name, phase, folder, answering, telling))
    process.start()
    answering.close()
    telling.close()
    output: list[bytes] = []
    reader = Thread(target=lambda: output.extend(iter(lambda: os.read(told.fileno(), 65536), b"")), daemon=True)
    reader.start()
    process.join(LIMIT_S)
    is_hung = process.is_alive()
    if is_hung:
        process.kill()
        process.join()
    reader.join(1.0)
    try:
        motion = answers.recv() if answers.poll() else None
    except EOFError:
        motion = None
    return Ended(None if is_hung else process.exitcode, b"".join(output).decode(errors="replace"), motion)


def _run(name: str, phase: Stage, folder: Path, answering: Connection, telling: Connection) -> None:
    """The process: `python main.py run --yes --headless` in the bench's cell."""
    for descriptor in (1, 2):
        os.dup2(telling.fileno(), descriptor)
    os.environ["VITRO_HOME"] = str(folder)
    logging.captureWarnings(True)
    fault = all_faults()[name]
    cells: list[FaultyCell] = []
    console = TellingConsole()
    # While arms are switched on nothing may ever move fast.
    stand_within_s, shows_at_rest = (0.0, True) if phase is Stage.OPEN else (fault.stop_s or 0.0, fault.shows_at_rest)
    script = Script(phase, lambda: fault.strike(cells[0]), stand_within_s, shows_at_rest)

    def open_world(cell: Cell, camera: str, seed: int) -> FaultyCell:
        FaultyCell(cell, seed, script, begun=cells.append)
        console.cell = cells[0]
        return cells[0]

    if fault.hangs:
        worker.DEADLINES_S.update(dict.fromkeys(worker.DEADLINES_S, HANG_LIMIT_S))
    try:
        code = exit_code(lambda: run_trials(_options(fault), console, open_world))
    except BaseException as error:  # as the interpreter would end
        traceback.print_exc()
        code = error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    answering.send(cells[0].motion() if cells else None)
    sys.stderr.flush()
    os._exit(code)  # librealsense's, the SDK's and a hung part's threads need not agree


def _options(fault: Fault) -> RunOptions:
    own = str(Path(parts.__file__))
    return RunOptions(
        surface=Surface.DIFFUSE,
        camera="sim",
        arms="sim",
        estimator=fault.estimator or own,
        detector=own,
        planner=own,
        seed=SCENE,
        attempts=1,
        estimate_deadline=HANG_LIMIT_S if fault.hangs else None,
        yes=True,
        headless=True,
    )
