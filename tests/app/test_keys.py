"""Keys answer the question that is on the screen, and no other."""

import os
import pty
import subprocess
import sys
import termios
import time

import psutil
import pytest

from tests.support.paths import ROOT

ASK_TWICE = """
from app.keys import read_key
for _ in range(2):
    print("ask", flush=True)
    print("got", read_key(), flush=True)
"""


def read_until(descriptor: int, text: str, limit_s: float = 20.0) -> str:
    seen, end_s = "", time.monotonic() + limit_s
    while text not in seen and time.monotonic() < end_s:
        seen += os.read(descriptor, 1024).decode()
    return seen


def wait_for_question(process: subprocess.Popen[bytes], terminal: int, limit_s: float = 20.0) -> None:
    """Until it takes single keys and sleeps: then it has thrown away what was typed before, and waits for one."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        takes_keys = not termios.tcgetattr(terminal)[3] & termios.ICANON
        if takes_keys and psutil.Process(process.pid).status() == psutil.STATUS_SLEEPING:
            return
        time.sleep(0.01)
    raise AssertionError("nothing was asked")


def test_a_key_pressed_twice_answers_one_question_only() -> None:
    parent, child = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", ASK_TWICE], cwd=ROOT, stdin=child, stdout=child, stderr=child)
    read_until(parent, "ask")
    wait_for_question(process, child)
    os.write(parent, b"yy")
    seen = read_until(parent, "ask")
    wait_for_question(process, child)
    os.write(parent, b"N")
    seen += read_until(parent, "got n")
    process.wait(timeout=20)
    assert seen.count("got y") == 1 and "got n" in seen


@pytest.mark.parametrize("source", [subprocess.DEVNULL])
def test_without_a_terminal_nobody_is_asked(source: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK_TWICE], cwd=ROOT, stdin=source, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0 and "--yes" in done.stderr
