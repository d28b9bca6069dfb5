"""The board's size as it is, not as it was meant to be: a person measures it."""

from app.calibrate.options import LEAST_TAG_MM, MOST_TAG_MM
from app.console import Console
from app.question import Question
from calibration.board import Board


def ask_tag_mm(console: Console) -> float:
    """Side of a black square [mm] as measured, asked for until the answer is a length that a board can have.

    Raises:
        ConfigurationError: nobody can answer.
    """
    printed_mm = 1000 * Board().printed_m
    text = f"Measure a black square of the board with callipers: how many mm is its side (meant: {printed_mm:.1f})?"
    while True:
        said = console.ask(Question(text, {}, "size", takes_text=True)).text
        try:
            side_mm = float(said.strip().removesuffix("mm").replace(",", "."))
        except ValueError:
            side_mm = float("nan")
        if LEAST_TAG_MM <= side_mm <= MOST_TAG_MM:
            return side_mm
        console.say(f"    {said!r} is no length from {LEAST_TAG_MM:.0f} to {MOST_TAG_MM:.0f} mm.")
