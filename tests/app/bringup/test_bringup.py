"""From an unpacked cell to its first grasp: what is asked, what is kept, what is due again."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.bringup import command
from app.bringup.options import BringupOptions
from app.bringup.progress import Progress
from app.bringup.steps import STEPS, Bringup, grasp_slowly, tell_arms_apart
from app.console import Console
from app.events import TrialEnd
from app.paths import CELLS, trial_log
from app.run.options import RunOptions
from core.cell import load_cell
from core.errors import ArmError, ConfigurationError, TrialError
from tests.support.trial_rows import begin, finish, row
from trials.record import Outcome, Reason
from trials.store import TrialStore


class Keys(Console):
    """A person who answers with these keys, one a question."""

    def __init__(self, keys: str) -> None:
        super().__init__(is_quiet=True)
        self.keys = iter(keys)

    def ask_key(self, question: str, choices: dict[str, str]) -> str:
        key = next(self.keys)
        assert key in choices
        return key


@pytest.fixture
def cell_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRO_HOME", str(tmp_path / "home"))
    file = tmp_path / "mine.yaml"
    file.write_text((CELLS / "sim.yaml").read_text())
    return file


def bringup(file: Path, keys: str) -> Bringup:
    return Bringup(Keys(keys), load_cell(file), file, "sim", "sim")


def channels(file: Path) -> dict[str, str]:
    return {name: arm.channel for name, arm in load_cell(file).arms.items()}


def test_arms_that_are_as_named_need_one_answer_each(cell_file: Path) -> None:
    assert "left, right" in tell_arms_apart(bringup(cell_file, "yyry"))


def test_swapped_arms_are_put_right_in_the_cells_file(cell_file: Path) -> None:
    before, text = channels(cell_file), cell_file.read_text()
    with pytest.raises(ArmError, match="now swapped"):
        tell_arms_apart(bringup(cell_file, "ynny"))
    assert channels(cell_file) == dict(zip(before, reversed(before.values()), strict=True))
    assert re.sub(r"channel: [\w-]+", "", cell_file.read_text()) == re.sub(r"channel: [\w-]+", "", text)
    assert cell_file.with_name("mine.yaml.before").read_text() == text


def test_one_arm_that_is_not_itself_is_for_a_person_to_mend(cell_file: Path) -> None:
    before = channels(cell_file)
    with pytest.raises(ArmError, match="fingers of the left arm"):
        tell_arms_apart(bringup(cell_file, "yny"))
    assert channels(cell_file) == before


def test_no_arm_is_powered_before_a_person_has_said_that_hands_are_empty(
    cell_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.bringup.steps.open_world", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(KeyboardInterrupt):
        tell_arms_apart(bringup(cell_file, "q"))


def test_the_first_grasp_is_judged_by_its_own_trial_whatever_others_log(
    cell_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another station lifts something while this one's trial ends in vain."""

    def run(options: RunOptions, console: Console) -> int:
        with TrialStore(trial_log()) as store:
            own = store.begin(row(surface=options.surface))
            finish(store, begin(store))
            console.events.tell(TrialEnd(store.update(replace(own, outcome=Outcome.FAILURE, reason=Reason.EMPTY))))
        return 0

    monkeypatch.setattr("app.bringup.steps.run_trials", run)
    with pytest.raises(TrialError, match="did not succeed: empty grasp"):
        grasp_slowly(bringup(cell_file, ""))


class TestOrder:
    """Steps that only note that they ran, all but one that `fails`."""

    fails = ""

    @pytest.fixture(autouse=True)
    def ran(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
        ran: list[str] = []

        def note(name: str) -> str:
            ran.append(name)
            if name == self.fails:
                raise ArmError("no", "mend it")
            return name

        steps = [replace(step, work=lambda _, name=step.name: note(name)) for step in STEPS]
        monkeypatch.setattr(command, "STEPS", steps)
        monkeypatch.setattr(command, "require_terminal", lambda: None)
        yield ran

    def test_it_goes_on_at_the_step_that_failed(self, ran: list[str], cell_file: Path) -> None:
        options = BringupOptions(cell=str(cell_file), camera="sim")
        self.fails = "names"
        with pytest.raises(ArmError):
            command.bring_up(options)
        assert ran == ["machine", "camera", "arms", "names"]
        self.fails = ""
        assert command.bring_up(options) == 0
        assert ran[4:] == ["names", "calibration", "dry-run", "first-grasp"]
        command.bring_up(options)
        assert len(ran) == 8

    def test_what_a_changed_cell_concerns_is_due_again(self, ran: list[str], cell_file: Path) -> None:
        options = BringupOptions(cell=str(cell_file), camera="sim")
        command.bring_up(options)
        cell_file.write_text(re.sub(r"channel: [\w-]+", "channel: other", cell_file.read_text(), count=1))
        command.bring_up(options)
        assert ran[len(STEPS) :] == ["arms", "names", "calibration", "dry-run", "first-grasp"]

    def test_a_named_step_and_those_after_it_are_repeated(self, ran: list[str], cell_file: Path) -> None:
        options = BringupOptions(cell=str(cell_file), camera="sim")
        command.bring_up(options)
        command.bring_up(replace(options, again="dry-run"))
        assert ran[len(STEPS) :] == ["dry-run", "first-grasp"]
        with pytest.raises(ConfigurationError, match="machine, camera"):
            command.bring_up(replace(options, again="dryrun"))


@pytest.mark.parametrize("text", ["", "[]", '{"machine": 3}', '{"machine": {"date": 1}}', "[" * 100_000])
def test_a_damaged_note_of_progress_is_named_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"mine\.json"):
        Progress(path)
    assert path.read_text() == text
