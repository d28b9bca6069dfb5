"""`python main.py bench fuzz`: damaged files for every reader, which may refuse them by name and do nothing else."""

import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from traceback import extract_tb
from typing import Any

from app.bench.fuzz.damage import damaged
from app.bench.fuzz.reader import Reader
from app.bench.fuzz.readers import READERS
from app.bench.options import BenchFuzzOptions
from app.console import Console
from app.options import names_in
from core.errors import VitroError

#: What no input may cost: seconds of a processor, bytes of memory more than the sound file.
MOST_S, MOST_KB = 1.0, 1_000_000
#: A reader that says nothing for so long hangs, whatever else the machine does.
_SILENT_S = 30.0
#: As long may its libraries take to load.
_READY_S = 300.0


@dataclass(frozen=True)
class Failure:
    """number: the input's, which the seed makes again. what: it raised, took, or how it died."""

    reader: str
    number: int
    what: str


def bench_fuzz(options: BenchFuzzOptions) -> int:
    """Gives every reader its inputs; 1 if any did anything but read or refuse one."""
    console = Console(options.as_json)
    failures: list[Failure] = []
    names = names_in(options.readers or ",".join(READERS), tuple(READERS))
    for name in names:
        with console.stage(name) as line:
            found = list(fuzz(name, READERS[name], options.inputs, options.seed))
            line.detail = f"{options.inputs} inputs, {len(found)} failures"
        failures += found
        for kind in dict.fromkeys(failure.what for failure in found):
            numbers = [str(failure.number) for failure in found if failure.what == kind]
            console.say(f"      {kind}: input {', '.join(numbers[:5])}{' …' * (len(numbers) > 5)}")
    console.result({"readers": list(names), "inputs": options.inputs, "seed": options.seed, "failures": failures})
    return 1 if failures else 0


def fuzz(name: str, reader: Reader, inputs: int, seed: int) -> Iterator[Failure]:
    """Reads in a process of its own, which is replaced by another where an input kills it or makes it swell."""
    number = 0
    while number < inputs:
        ours, theirs = get_context("spawn").Pipe()
        given = (name, reader, range(number, inputs), seed, theirs)
        process = get_context("spawn").Process(target=_read_all, args=given, daemon=True)
        process.start()
        theirs.close()
        end = ""
        with suppress(EOFError):
            ours.poll(_READY_S)
            while ours.poll(_SILENT_S):
                read, what = ours.recv()
                if what:
                    yield Failure(name, read, what)
                number = read + 1
            end = f"silent for {_SILENT_S:.0f} s"
            process.kill()
        process.join()
        if not end and process.exitcode:
            end = f"killed by signal {-process.exitcode}" if process.exitcode < 0 else "its process failed"
        if end and number < inputs:
            yield Failure(name, number, end)
            number += 1


def _read_all(name: str, reader: Reader, numbers: range, seed: int, report: Connection) -> None:
    """In the process: sends each input's number with what went wrong, and ends early where memory is not given back."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders tell of every damage there
    with tempfile.TemporaryDirectory(prefix="vitro-fuzz-") as folder:
        path = Path(folder)
        reader.write(path)
        sample = (path / reader.file).read_bytes()
        reader.read(path)
        report.send((numbers.start - 1, ""))  # loaded and ready
        before_kb = _peak_kb()
        for number in numbers:
            content = damaged(sample, random.Random(f"{seed} {name} {number}"))
            what = outcome(reader, path, content)
            grown_kb = _peak_kb() - before_kb
            report.send((number, what or (f"{grown_kb / 1e6:.1f} GB" if grown_kb > MOST_KB else "")))
            if grown_kb > MOST_KB:
                return


def outcome(reader: Reader, folder: Path, content: bytes) -> str:
    """What went wrong with an input: nothing where it was read, or refused with the name of its file."""
    (folder / reader.file).write_bytes(content)
    began_s = time.process_time()
    try:
        reader.read(folder)
    except VitroError as error:
        if str(folder) not in error.cause:
            return f"refused without a file's name: {error.cause[:100]}"
    except Exception as error:
        line: Any = extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {Path(line.filename).name}:{line.lineno}: {str(error)[:100]}"
    took_s = time.process_time() - began_s
    return f"more than {MOST_S:.0f} s" if took_s > MOST_S else ""


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
