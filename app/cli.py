"""The groups of commands; each declares its options, what its commands do loads when one is called."""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pkgutil import resolve_name
from typing import Any

import typer
from typer.core import TyperGroup

from app import recover, tag_sheet
from app.bringup import options as bringup
from app.clips import options as clips
from app.demo import options as demo
from app.doctor import options as doctor
from app.refine import options as refine
from app.replay import options as replay
from app.run import options as run
from app.synth import options as synth
from app.terminal import write_what_it_can

#: Commands that follow another word: where they are, and what they are for.
GROUPS = {
    "calibrate": ("app.calibrate.options:commands", "Where arms and camera stand; by itself it measures them (`run`)."),
    "trials": ("app.trials.options:commands", "The log of trials."),
    "weights": ("app.weights.options:commands", "The models' weights: fetched once, checked, found again."),
    "bench": ("app.bench.options:commands", "Slow proofs, with the results kept in docs/."),
    "train": ("app.train.options:commands", "Training of models, and going on with it."),
}

#: Of glibc's malloc.h.
_M_ARENA_MAX = -8

app = typer.Typer(
    name="vitro",
    help="Lets a robot pick up what depth cameras cannot see.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


class Group(TyperGroup):
    """Imports its commands when one is asked for: some bring the heavy imports of their settings along."""

    place = ""

    @property
    def commands(self) -> Any:
        return typer.main.get_group(resolve_name(self.place)).commands

    @commands.setter
    def commands(self, none: Any) -> None:
        """Typer gives it the commands that it has by now: none."""


for module in (run, demo, doctor, bringup, recover, tag_sheet, clips, refine, replay, synth):
    app.add_typer(module.commands)
for name, (place, purpose) in GROUPS.items():
    group = type("Group", (Group,), {"place": place})
    app.add_typer(typer.Typer(), name=name, help=purpose, no_args_is_help=True, cls=group)


def main(arguments: Sequence[str]) -> None:
    """Runs one command and exits with its code; options without a command mean `run`, `calibrate` alone its wizard."""
    write_what_it_can()
    _use_one_blas_thread()
    _share_one_heap()
    _end_as_by_ctrl_c()
    arguments = list(arguments)
    if arguments and _is_option(arguments[:1]):
        arguments.insert(0, "run")
    if arguments[:1] == ["calibrate"] and _is_option(arguments[1:2]):
        arguments.insert(1, "run")
    try:
        app(arguments, prog_name="main.py")
    except SystemExit as end:
        _leave_if_busy(end.code)
        raise


def _end_as_by_ctrl_c() -> None:
    """Has a command that is told to end (`kill`, a dropped SSH session) end as by Ctrl-C from its first import on; what
    was told to go on (`nohup`) goes on."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _use_one_blas_thread() -> None:
    """Keeps numpy's and scipy's BLAS to one thread, before either is imported: matrices are small here, and threads
    that wait for each other beside a busy process took grasps 2.5 times as long to detect. PyTorch has its own."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _share_one_heap() -> None:
    """Keeps glibc from giving each new thread a heap of its own: stages, readers and players come and go with every
    opening of a cell, and what pictures leave between them in heap after heap is never given back."""
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _leave_if_busy(code: str | int | None) -> None:
    """Ends the process here where a stage that was given up computes still: foreign code that is torn down under its
    own threads aborts, and the exit code with it."""
    worker = sys.modules.get("app.run.worker")
    if worker is not None and worker.is_any_busy():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def _is_option(first: Sequence[str]) -> bool:
    """Whether no command follows: nothing does, or an option that is no question for help."""
    return not first or (first[0].startswith("-") and first[0] not in ("--help", "-h"))
