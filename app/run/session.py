"""Trials in a world, one after the other."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from secrets import randbelow
from typing import TypeVar

from app.arm_look.arm_proof import ArmProof
from app.arm_look.arm_starts import prepare_starts
from app.arm_look.parking import clear_view
from app.events import TrialBegin, TrialEnd
from app.labels.labelling import Labelling
from app.run.held_object import empty_hands
from app.run.live_trial import LiveTrial
from app.run.look import Looker
from app.run.operator import Operator
from app.run.overlap.chain import pick_in_turn
from app.run.overlap.overlapped_trial import OverlappedTrial
from app.run.pipeline import Pipeline
from app.run.trial import Trial
from app.run.trial_log import TrialLog
from app.trial_recording.software import software_version
from core.errors import ConfigurationError, TrackingError
from grasping.planning.obstacles import BinContents
from grasping.planning.overlap.process import PlanningProcess
from grasping.planning.registry import find_planner
from hardware.world import SceneNote, World
from trials.columns import LARGEST
from trials.record import Outcome, Reason, TrialRecord

_log = logging.getLogger(__name__)
#: After so many picks that lifted nothing the rest of a scene is left.
FAILURES_IN_A_ROW = 2


Lay = Callable[[World, Operator], None]
AnyTrial = TypeVar("AnyTrial", bound=LiveTrial)


def await_scene(world: World, operator: Operator) -> None:
    """Has the person lay what he likes."""
    operator.await_scene()


@dataclass(frozen=True)
class Session:
    """A world, what plans in it, where its trials are logged, and the person beside it.

    campaign: the id of the one that its trials are of, 0 outside of any. shown: what people are shown for the
    estimator's name, where that is hidden. overlap: one arm reaches for an object while the other carries one away.
    """

    world: World
    pipeline: Pipeline
    log: TrialLog
    operator: Operator
    most_attempts: int = 1
    campaign: int = 0
    shown: str = ""
    overlap: bool = False
    looker: Looker = field(init=False)
    proof: ArmProof = field(init=False)
    in_bin: BinContents = field(default_factory=BinContents)

    def __post_init__(self) -> None:
        """Raises ConfigurationError: two arms are to move at once, and the cell has not two."""
        if self.overlap and len(self.pipeline.cell.arms) != 2:
            raise ConfigurationError(
                f"--overlap needs two arms; the cell {self.pipeline.cell.name} has {len(self.pipeline.cell.arms)}.",
                "Leave out --overlap.",
            )
        object.__setattr__(self, "looker", Looker(self.world, self.pipeline.cell))
        object.__setattr__(self, "proof", ArmProof(self.world, self.pipeline.cell, self.looker, self.operator))

    def run_scene(
        self,
        surface: str,
        seed: int,
        objects: int,
        scene_number: int = 0,
        lay: Lay = await_scene,
        until_empty: bool = False,
    ) -> list[Trial]:
        """Lays a scene and picks from it: one object once, several until the table is empty or two picks in a row fail.

        scene_number: of the campaign's scenes on this surface; lay: has a person lay it in a real cell.
        until_empty: picks though nobody may know how many objects there are, until none is seen; how many there were
        is logged at the scene's end.

        Raises:
            ArmError: before there is a row: a hand holds something and nobody is asked; an arm cannot start, or park.
            VitroError: after the row is complete, when the cell needs a person before the next trial.
            KeyboardInterrupt: after the row is complete, when a person stopped the trial.
        """
        strokes_m = {name: mount.gripper_stroke_m for name, mount in self.pipeline.cell.arms.items()}
        last = self.log.newest(self.pipeline.cell.name, self.world.name)
        empty_hands(self.world, self.operator, strokes_m, last)
        clear_view(self.world, self.pipeline.cell, self.operator)
        if self.world.is_real:
            lay(self.world, self.operator)
        self.in_bin.clear()
        scene = self._stage(surface, seed, objects)
        trials: list[Trial] = []
        is_unknown = until_empty and self.world.objects_left() is None
        begun = self._row(scene, 0 if is_unknown else objects, scene_number)
        try:
            with self._planning() as beside:
                self._pick(begun, trials, beside)
                if objects == 1 and not until_empty:
                    return trials
                while (why := self._end_of_scene(trials, objects, until_empty)) is None:
                    if trials[-1].reason is Reason.OPERATOR and not trials[-1].stood_back:
                        return trials  # skipped by a person: it was not worked on to its end
                    self.operator.console.say(f"\n  pick {len(trials) + 1}")
                    self.world.begin_attempt()
                    self._pick(begun, trials, beside)
        except TrackingError:  # it counts, as the scene's end
            self._count_objects(is_unknown, trials)
            raise
        self.log.end_scene(why)
        self._count_objects(is_unknown, trials)
        return trials

    def _count_objects(self, is_unknown: bool, trials: list[Trial]) -> None:
        """Logs how many objects a scene held of which nobody knew: those lifted, and those that the last look saw."""
        if is_unknown and trials:
            seen = trials[-1].objects_seen
            left = 0 if trials[-1].sees_nothing else max(seen or 1, 1)
            self.log.count_objects(self.log.ids[-len(trials) :], left)

    @contextmanager
    def _planning(self) -> Iterator[PlanningProcess | None]:
        """What plans a scene's next pick while arms move; None for a planner that is made ready once, in one process,
        for it may hold a GPU, and where this machine starts no other."""
        beside = None
        if self.overlap and find_planner(self.pipeline.options.planner).prepare is None:
            try:
                beside = PlanningProcess()
            except OSError as error:
                _log.warning("No process to plan in beside the motion (%s): it is planned after each lift", error)
        with closing(beside) if beside else nullcontext():
            yield beside

    def _stage(self, surface: str, seed: int, objects: int) -> SceneNote:
        with self.operator.console.stage("stage") as line:
            scene = self.world.stage(surface, seed, objects)
            line.detail = scene.summary
        return scene

    def _end_of_scene(self, trials: list[Trial], objects: int, until_empty: bool) -> str | None:
        """Why nothing more is picked from a scene; None while something is."""
        held = [trial.outcome is Outcome.SUCCESS for trial in trials if not trial.stood_back]
        left = self.world.objects_left()
        if left is None and until_empty:
            if trials[-1].sees_nothing:
                return "nothing more is seen"
            return "failures in a row" if held[-FAILURES_IN_A_ROW:] == [False] * FAILURES_IN_A_ROW else None
        if (objects - sum(held) if left is None else left) <= 0:
            return "empty"
        if held[-FAILURES_IN_A_ROW:] == [False] * FAILURES_IN_A_ROW:
            return "failures in a row"
        return "too many picks" if len(held) >= 2 * objects else None

    def _row(self, scene: SceneNote, objects: int, scene_number: int) -> TrialRecord:
        """What the rows of a scene's picks have in common."""
        return TrialRecord(
            surface=scene.surface,
            estimator=self.pipeline.estimator.name,
            detector=self.pipeline.detector_name,
            planner=self.pipeline.planner_name,
            cell=self.pipeline.cell.name,
            world=self.world.name,
            seed=scene.seed,
            scene={"objects": scene.objects},
            objects=objects,
            calibration=self.pipeline.cell.calibration,
            software=software_version(),
            campaign=self.campaign,
            scene_number=scene_number,
            scene_key=1 + randbelow(LARGEST),
        )

    def _pick(self, row: TrialRecord, trials: list[Trial], beside: PlanningProcess | None) -> None:
        """One more trial, with overlap as many as follow on from its picture, which are added to the scene's `trials`
        however they ended; raises as `run_scene`."""
        prepare_starts(self.world, self.pipeline.cell, self.operator, self.in_bin.points_m)
        ended: list[TrialRecord] = []
        numbers = count(len(trials) + 1)
        if self.overlap:
            pick_in_turn(
                lambda: self._begin(partial(OverlappedTrial, beside=beside), replace(row, pick=next(numbers))),
                lambda live: ended.append(self._end(live, row, trials)),
            )
        else:
            ended.append(self._pick_alone(replace(row, pick=next(numbers)), trials))
        for record in ended:
            Labelling(self.operator, self.log).label(record)

    def _pick_alone(self, row: TrialRecord, trials: list[Trial]) -> TrialRecord:
        """The row of one trial, complete; raises as `run_scene`."""
        live = self._begin(LiveTrial, row)
        fatal: BaseException | None
        try:
            fatal = live.run()
        except BaseException as error:
            live.crash(error)
            fatal = error
        record = self._end(live, row, trials)
        if fatal is not None:
            Labelling(self.operator, self.log).label_unasked(record)
            raise fatal
        return record

    def _begin(self, kind: Callable[..., AnyTrial], row: TrialRecord) -> AnyTrial:
        """A trial whose row is on disk."""
        entry = self.log.begin(replace(row, begun=datetime.now(UTC)))
        self.operator.console.events.tell(TrialBegin(entry.record, entry.folder, self.shown))
        trial = Trial(row.surface, row.seed, shown=self.shown)
        return kind(
            trial,
            self.world,
            self.pipeline,
            entry,
            self.operator,
            self.looker,
            self.proof,
            self.most_attempts,
            self.in_bin,
        )

    def _end(self, live: LiveTrial, row: TrialRecord, trials: list[Trial]) -> TrialRecord:
        """Completes a trial's row and adds it to the scene's."""
        found_nothing = live.trial.outcome is Outcome.REFUSED and live.trial.sees_nothing and not live.trial.earlier
        if trials and not row.objects and found_nothing:
            live.trial = replace(live.trial, reason=Reason.TABLE_EMPTY)
        try:
            live.finish()
        finally:
            self.operator.console.events.tell(TrialEnd(live.record))
            trials.append(live.trial)
        return live.record
