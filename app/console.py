"""The only place that writes to the terminal: stages as they run, questions, tables and errors."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from rich.box import SIMPLE_HEAD
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from app.events import ErrorTold, Events, StageBegin, StageEnd
from app.keys import has_terminal, read_key, read_line, require_terminal
from app.question import PAGE, Question, Reply
from app.questions import Questions
from app.terminal import Terminal, styled, write_nowhere
from core.errors import VitroError
from core.json_values import to_json

Item = TypeVar("Item")

_WORTH_A_LINE_BYTES = 1_000_000


@dataclass
class StageLine:
    """What a running stage wants said beside its name and time."""

    detail: str = ""
    seconds: float = 0.0


class CommandResult:
    """A command's one JSON object: its result, and of a command that failed `error` (kind, cause, remedy) and
    `exit_code`; written when the command ends, or sooner by `tell`."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self.value: dict[str, Any] = {}

    def __enter__(self) -> "CommandResult":
        self._outer = _COMMAND_RESULT.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """What is no failure of ours, and goes on, is told too."""
        _COMMAND_RESULT.reset(self._outer)
        if error is not None:
            self.fail(type(error).__name__, str(error), "This is a defect: report it with the lines above.", 1)
        self.tell()

    def fail(self, kind: str, cause: str, remedy: str, code: int) -> None:
        self.value |= {"error": {"kind": kind, "cause": cause, "remedy": remedy}, "exit_code": code}

    def tell(self) -> None:
        """Writes the object, and no other after it."""
        if self._as_json and self.value:
            _write_json(self.value)
        self._as_json = False


_COMMAND_RESULT: ContextVar[CommandResult | None] = ContextVar("result", default=None)


def tell_result() -> None:
    """Writes the running command's object now: what follows may take as long as a person likes."""
    if (result := _COMMAND_RESULT.get()) is not None:
        result.tell()


def _write_json(value: dict[str, Any]) -> None:
    try:
        sys.stdout.write(to_json(value) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        write_nowhere(sys.stdout)


class Console:
    """Talks to a person on standard error when standard output carries JSON, else on standard output.

    events: tells whoever listens what is shown. questions: where somebody beside the terminal may answer.
    """

    def __init__(self, as_json: bool = False, is_quiet: bool = False) -> None:
        self._as_json = as_json
        self.events = Events()
        self.questions = Questions(self.events)
        self._rich = Terminal(stderr=as_json, highlight=False, soft_wrap=True, quiet=is_quiet)

    @property
    def is_terminal(self) -> bool:
        """Whether bars are seen; where not, long work says a line now and then."""
        return self._rich.is_terminal

    def say(self, text: str) -> None:
        """Text with `terminal.STYLES` in it, as `[bold]so[/]`; all other brackets are text: paths hold any."""
        self._rich.print(styled(text))

    def error(self, error: VitroError) -> None:
        """What went wrong and what to do next."""
        what = styled("[bold red]✗[/] ").append(f"{error.cause}\n  ")
        self._rich.print(what.append("→", "bold").append(f" {error.remedy}"))
        self.events.tell(ErrorTold(error.cause, error.remedy))

    def result(self, value: dict[str, Any]) -> None:
        """The command's result as one JSON object on standard output, where it was asked for: once the command has
        ended, for the object says too how."""
        if not self._as_json:
            return
        result = _COMMAND_RESULT.get()
        if result is None:
            _write_json(value)
        else:
            result.value |= value

    @contextmanager
    def stage(self, name: str, waits: bool = False) -> Iterator[StageLine]:
        """Shows a stage while it runs and its time when it is done (or has failed).

        A stage that `waits` for a person leaves the line free for the question.
        """
        line = StageLine()
        started_s = time.monotonic()
        self.events.tell(StageBegin(name))
        try:
            with nullcontext() if waits else self._rich.status(Text(f"{name} …")):
                yield line
        except BaseException as error:
            seconds = time.monotonic() - started_s
            # Of a failure more is told below, of a person's wish to stop nothing.
            self._stage_line("[red]✗[/]", name, seconds, "stopped" if isinstance(error, KeyboardInterrupt) else "")
            self.events.tell(StageEnd(name, seconds, "", failed=True))
            raise
        line.seconds = time.monotonic() - started_s
        self.events.tell(StageEnd(name, line.seconds, line.detail))
        self._stage_line("[green]✓[/]", name, line.seconds, line.detail)

    def _stage_line(self, mark: str, name: str, seconds: float, detail: str) -> None:
        self._rich.print(styled(f"  {mark} ").append(f"{name:<9}{seconds:7.2f} s  {detail}"))

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Plain text in columns, none of it cut: a narrow terminal wraps."""
        style: dict[str, Any] = {"box": SIMPLE_HEAD, "show_edge": False, "padding": (0, 1, 0, 0)}
        table = Table(title=Text(title), title_justify="left", title_style="bold", **style)
        for column in columns:
            table.add_column(escape(column), no_wrap=True)
        for row in rows:
            table.add_row(*map(escape, row))
        table.width = self._rich.measure(table, options=self._rich.options.update(max_width=1000)).maximum
        for line in self._rich.render_lines(table, self._rich.options.update(max_width=table.width), pad=False):
            text = Text.assemble(*((part.text, part.style or "") for part in line))
            text.rstrip()  # the last column is filled up to its longest cell, which a narrow terminal would wrap
            self._rich.print(text, crop=False)

    def progress(self, items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
        with self._bar(label, total, 0, MofNCompleteColumn(), TimeElapsedColumn()) as update:
            for number, item in enumerate(items, start=1):
                yield item
                update(completed=number)

    @contextmanager
    def bytes_bar(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar that counts bytes; what it yields takes those done. Leaves a line if there were many."""
        started_s = time.monotonic()
        columns = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with self._bar(label, total, 0, *columns) as update:
            yield lambda count: update(advance=count)
        if total >= _WORTH_A_LINE_BYTES:
            self._stage_line("[green]✓[/]", label, time.monotonic() - started_s, decimal(total))

    @contextmanager
    def frames_bar(
        self, label: str, total: int | None = None, done: int = 0
    ) -> Iterator[Callable[[int, int | None], None]]:
        """A bar that counts frames with the time left; what it yields takes how many are done, and of how many."""
        left = (_FramesASecond(), TextColumn("left"), TimeRemainingColumn())
        with self._bar(label, total, done, MofNCompleteColumn(), TimeElapsedColumn(), *left) as update:
            yield lambda count, of: update(completed=count, total=of)

    @contextmanager
    def steps_bar(self, label: str, total: int, done: int) -> Iterator[Callable[[int, str], None]]:
        """A bar that counts steps with the time left; what it yields takes how many are done, and a few words."""
        left = (TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=True))
        with self._bar(label, total, done, MofNCompleteColumn(), TextColumn("{task.fields[said]}"), *left) as update:
            yield lambda count, said: update(completed=count, said=said)

    @contextmanager
    def _bar(self, label: str, total: int | None, done: int, *columns: ProgressColumn) -> Iterator[Callable[..., None]]:
        """What it yields takes what `rich.progress.Progress.update` takes."""
        first = (TextColumn("  {task.description}"), BarColumn())
        with Progress(*first, *columns, console=self._rich, transient=True, disable=not self.is_terminal) as bar:
            yield partial(bar.update, bar.add_task(escape(label), total=total, completed=done, said=""))

    def ask_key(self, question: str, choices: dict[str, str]) -> str:
        """Waits for one of the keys in `choices` (key: meaning); no Enter needed, works over SSH."""
        return self.ask(Question(question, choices)).key

    def ask(self, question: Question) -> Reply:
        """Waits for the first answer, at the terminal or wherever else `questions` may be answered.

        Raises:
            ConfigurationError: nobody can answer.
        """
        if not self.questions.is_answered_elsewhere:
            require_terminal()
        menu = "  ".join(f"[bold]{key}[/] {meaning}" for key, meaning in question.choices.items())
        self._rich.bell()
        self.say(f"{question.text}  {menu}")
        if not has_terminal():
            self.say("    no key can be pressed here, as standard input is not a terminal: answer on the page")
        read = read_line if question.takes_text else read_key
        with self.questions.ask(question) as asked:
            while asked.answer is None:
                typed = read(asked.wake)
                own = Reply("", text=typed) if question.takes_text else Reply(_meant(typed, question))
                if not self.questions.answer(question.id, own) and asked.answer is None:
                    self.say(f"    not a key of this question: {menu}")
            answer = asked.answer
        if answer.by == PAGE:
            said = " ".join(filter(None, (question.choices.get(answer.key, ""), answer.text)))
            self.say(f"    → {said}, by page")
        return answer


def _meant(key: str, question: Question) -> str:
    return question.enter if key == "\n" and question.enter else key


class _FramesASecond(ProgressColumn):
    """How fast a bar's frames are done now; nothing until that is known."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")
