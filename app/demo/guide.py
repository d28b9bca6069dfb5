"""A word of explanation at each stage of a trial, for who has never seen one."""

import numpy as np

from app.console import Console
from app.events import Event, Explanation, StageBegin, TrialBegin, TrialChange
from core.surfaces import Surface
from hardware.cameras.frame import RgbdFrame
from perception.estimators.specification import EstimatorSpecification

#: Why a depth sensor fails on these tables: it projects a pattern of infra-red dots and looks for them with two eyes.
SENSOR = {
    Surface.TRANSLUCENT: "A frosted table takes the sensor's dots in and glows: its two eyes find too little to match.",
    Surface.REFLECTIVE: "A mirror shows the sensor's two eyes the room, not itself: they match what hangs in it.",
    Surface.DIFFUSE: "A matt table sends the sensor's dots back well: what it still misses are shiny edges and glass.",
}
STAGES = {
    "capture": "The camera takes colour, and depth by two infra-red eyes and a pattern of dots that it projects.",
    "locate": "The printed tags tell where camera and table stand, and so where the arms are: each time anew.",
    "detect": "On what stands there, gripper poses are proposed, each with the odds that it will hold.",
    "plan": "An arm's whole way is planned. A gate that shares no code with the planner then replays it: limits, "
    "speed, collisions with table, bin, objects and the other arm. What it does not pass cannot move.",
    "execute": "The arm opens its gripper, goes in, closes until something presses back, and lifts.",
    "verify": "Did it hold? The gap between the fingers and their effort tell, after closing and after the lift.",
    "clear": "What was lifted goes into the bin, and the arm parks.",
}


#: What a depth model does, and what is done with its answer, where that is metres already and where it is not.
IN_METRES = {
    "estimate": "The network looks at colour, at where the table lies and at what the sensor measured. It has learnt "
    "how glass and metal look, and says in metres how far away each point is.",
    "scale": "The tags' known places check these metres, set them right where they are a little off, and say by how "
    "much they then still are.",
}
UP_TO_SCALE = {
    "estimate": "The network looks at colour alone. It has learnt how glass and metal look, and draws how far away "
    "each point is, though only up to a scale.",
    "scale": "The tags' known places turn that into metres; each one is also left out once, and says how wrong it is.",
}


def depth_stages(estimator: EstimatorSpecification) -> dict[str, str]:
    """What the stages `estimate` and `scale` do with the depth of this estimator."""
    words = IN_METRES if estimator.gives == "metric" else UP_TO_SCALE
    if estimator.has_weights:
        return words
    return words | {"estimate": f"No network looks here, but {estimator.name}: {estimator.description}."}


class DemoGuide:
    """Hears a session and explains it: on the page each time, at the terminal once. estimator: the one that runs."""

    def __init__(self, console: Console, estimator: EstimatorSpecification) -> None:
        self._console = console
        self._stages = STAGES | depth_stages(estimator)
        self._surface = ""
        self._frame: RgbdFrame | None = None
        self._said: set[str] = set()

    def hear(self, event: Event) -> None:
        match event:
            case TrialBegin(record):
                self._surface = record.surface
            case TrialChange(trial):
                self._frame = trial.frame
            case StageBegin("estimate") if self._frame is not None:
                words = _sensor_words(self._frame, Surface(self._surface))
                self.explain("the depth sensor, and the network", f"{words} {self._stages['estimate']}")
            case StageBegin(name) if name in self._stages:
                self.explain(name, self._stages[name])

    def explain(self, about: str, text: str) -> None:
        if text not in self._said:
            self._console.say(f"      [dim]{text}[/]")
        self._said.add(text)
        self._console.events.tell(Explanation(about, text))


def _sensor_words(frame: RgbdFrame, surface: Surface) -> str:
    missing = 1 - float(np.isfinite(frame.depth_m).mean())
    return f"{SENSOR[surface]} Of this picture {missing:.0%} came back without depth; compare the pictures of depth."
