"""Working through a campaign's scenes: every estimator with a session of its own, all in one cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.campaign.progress import discard_unfinished, scenes_to_do
from app.campaign.scene_guide import SceneGuide
from app.events import CampaignEnd, SessionProgress
from app.labels.labelling import Labelling
from app.run.pipeline import Pipeline
from app.run.session import Session
from app.run.station import Station
from app.run.trial_log import TrialLog
from core.errors import ArmError
from core.report.words import counted
from grasping.execution import GRIP_FORCE_N
from hardware.world import World
from trials.campaign import Campaign, PlannedScene
from trials.label import LabelledTrial
from trials.store import TrialStore

#: How far open the fingers stand in every picture of the digital cell [m].
_FINGERS_M, _ALIKE_M = 0.05, 1e-6
#: A scene that does not come to its end this often in one call is left for the next.
_TRIES = 2


@dataclass
class CampaignRunner:
    """A campaign, where it runs and where it is logged. pipelines: by the estimator's name."""

    campaign: Campaign
    store: TrialStore
    log: TrialLog
    station: Station
    pipelines: Mapping[str, Pipeline]
    attempts: int
    _tried: dict[PlannedScene, int] = field(default_factory=dict)

    def run(self) -> int:
        """Runs what is missing, on one page; how many scenes are missing still. With none missing, the campaign ends.

        Raises:
            VitroError: the cell needs a person.
            KeyboardInterrupt: a person stopped it; called again, it goes on.
        """
        with self.station.page():
            while missing := [scene for scene in self.missing() if self._tried.get(scene, 0) < _TRIES]:
                with self.station.open(self.campaign.seed) as world:
                    self._run_until_a_fault(world, missing)
            left = len(self.missing())
            if not left:
                self.campaign = self.store.finish_campaign(self.campaign.id)
                self.station.operator.console.events.tell(CampaignEnd(self.campaign.id))
        return left

    def trials(self) -> tuple[LabelledTrial, ...]:
        return self.store.labelled(campaign=self.campaign.id)

    def missing(self) -> list[PlannedScene]:
        return scenes_to_do(self.campaign, self.trials())

    def _run_until_a_fault(self, world: World, missing: Sequence[PlannedScene]) -> None:
        """An arm's fault in the digital cell is the system's own doing: it counts, and the cell is opened anew."""
        console, planned = self.station.operator.console, len(list(self.campaign.plan()))
        sessions = {name: self._session(world, name) for name in self.pipelines}
        for number, scene in enumerate(missing, start=planned - len(missing) + 1):
            progress = f"campaign {self.campaign.name}: run {number} of {planned}"
            console.events.tell(SessionProgress(progress, number - 1, planned))
            self._tried[scene] = self._tried.get(scene, 0) + 1
            console.say(
                f"\n[bold]run {number} of {planned}[/]: scene {scene.number + 1} on the {scene.surface} table, "
                f"{counted(scene.objects, 'object')}, estimator [bold]{self.campaign.alias(scene.estimator)}[/]"
            )
            discard_unfinished(self.store, scene, self.campaign)
            begun = len(self.log.ids)
            try:
                self._run(sessions[scene.estimator], scene)
            except ArmError as error:
                if world.is_real or len(self.log.ids) == begun:
                    raise
                console.error(error)
                console.say("    The digital cell is opened anew.")
                if scene.objects > 1:
                    self.log.end_scene("the arm failed")
                Labelling(self.station.operator, self.log).label(self.log.get(self.log.ids[-1]))
                return

    def _run(self, session: Session, scene: PlannedScene) -> None:
        if not session.world.is_real:
            _show_alike(session.world)
        guide = SceneGuide(self.campaign, scene, self.store)
        session.run_scene(scene.surface, scene.seed, scene.objects, scene.number, guide.lay)

    def _session(self, world: World, estimator: str) -> Session:
        operator, alias = self.station.operator, self.campaign.alias(estimator)
        shown = "" if alias == estimator else alias
        return Session(
            world, self.pipelines[estimator], self.log, operator, self.attempts, campaign=self.campaign.id, shown=shown
        )


def _show_alike(world: World) -> None:
    """Brings the fingers to one opening, so that a scene looks the same to each estimator and is rendered once."""
    for arm in world.arms.values():
        if abs(arm.state().gripper_width_m - _FINGERS_M) > _ALIKE_M:
            arm.grip(_FINGERS_M, GRIP_FORCE_N)
