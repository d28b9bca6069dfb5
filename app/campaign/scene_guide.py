"""Laying a real scene as it was laid before: the reference picture, and the present one over it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.events import PictureTold
from app.paths import trial_folder
from app.run.operator import Operator
from core.image_file import read_image, write_image
from core.report.words import counted
from hardware.world import World
from trials.campaign import Campaign, PlannedScene
from trials.store import TrialStore

REFERENCE = "color.png"
OVERLAY = "overlay.png"
#: Grey levels of 255 by which a pixel must differ to count as not laid alike.
DIFFERENT = 40


@dataclass(frozen=True)
class SceneGuide:
    """Tells a person what to lay. The reference is the picture of the scene's first trial, whichever estimator's."""

    campaign: Campaign
    scene: PlannedScene
    store: TrialStore

    def lay(self, world: World, operator: Operator) -> None:
        """Asks until the person says that the scene stands and the hands are out.

        Raises:
            KeyboardInterrupt: the person quits.
            CameraError: no picture comes.
        """
        reference = self.reference()
        question = (
            f"The {self.scene.surface} table, {counted(self.scene.objects, 'object')}, the bin empty, hands out of the "
            "cell."
            if reference is None
            else f"The {self.scene.surface} table, everything as in {reference}, the bin empty, hands out of the cell."
        )
        choices = {"y": "ready", "q": "quit"} | ({} if reference is None else {"o": "overlay the camera on it"})
        while operator.ask(question, choices) == "o":
            assert reference is not None
            now = world.camera.read(timeout_s=1.0).color
            picture, share = overlay(read_image(reference), now)
            path = reference.with_name(OVERLAY)
            write_image(path, picture)
            operator.console.events.tell(PictureTold("red: as it was, cyan: as it is", picture))
            operator.console.say(
                f"    {path}: red was there, cyan is there now, grey is both; {share:.1%} of the pixels differ."
            )

    def reference(self) -> Path | None:
        """The picture of the first trial of this scene that is not invalid, None where this is the first."""
        for one in self.store.labelled(campaign=self.campaign.id, surface=self.scene.surface):
            picture = trial_folder(self.store.where, one.trial.id) / REFERENCE
            if one.is_called_invalid:
                continue  # perhaps it was laid wrong
            if one.trial.scene_number == self.scene.number and one.trial.pick == 1 and picture.is_file():
                return picture
        return None


def overlay(then: NDArray[np.uint8], now: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """Both pictures (H, W, 3) in one, `then` in its red and `now` in green and blue; the share of pixels that differ.

    A reference of another size is refused by nobody: it is cut or filled with black to the present one's.
    """
    height, width = now.shape[:2]
    grey_now = now.mean(axis=2)
    grey_then = np.zeros((height, width))
    part = then[:height, :width].mean(axis=2)
    grey_then[: part.shape[0], : part.shape[1]] = part
    picture = np.stack([grey_then, grey_now, grey_now], axis=2).astype(np.uint8)
    return picture, float((np.abs(grey_then - grey_now) > DIFFERENT).mean())
