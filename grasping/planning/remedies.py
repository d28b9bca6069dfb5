"""What a person does where no grasp can be carried out, by what most of them came to.

Of most objects most grasps are out of reach, even where one is picked (45 of 48 on a glass within reach): what the
others came to tells, where an arm reaches any.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from grasping.planning.candidates import CHOSEN, FAR, MALFORMED, NOT_LOOKED_AT, NOT_TRIED, SHUT_IN, progress

#: What is counted where candidates were left for want of time, and where the gate refused one's motions.
LATE, STOPPED = "time ran out", "stopped by the gate"
_BIN = "Empty the bin and clear what stands beside it"
_WAY = "Clear what stands between the arm and the object, or above it"
_REMEDIES = {
    FAR: "Move the object nearer to an arm",
    "wider than the gripper": "Turn the object so that a narrower side can be gripped, or take a smaller one",
    "palm against the object": "Lay the object flatter or turn it: it is too big for the hand the way it stands",
    "collision at the grasp": "Move the object away from its neighbours",
    "outside the workspace": "Move the object towards the table's middle, or widen workspace in the cell file",
    MALFORMED: (
        "See what the detector writes (numbers that are none, a width below zero, a rotation that is none), or choose "
        "another --detector"
    ),
    SHUT_IN: "Park the arms, and take away what hides the space around them",
    "no free pose over the bin": _BIN,
    "no way to the bin": _BIN,
    "no way to the object": _WAY,
    "no room to lift": _WAY,
    "no straight line": _WAY,
}
_ANY = "Move the object nearer to an arm or away from its neighbours"
_NO_FATE = (CHOSEN, NOT_TRIED, NOT_LOOKED_AT)


def remedy_of(fates: Sequence[str], rejections: Mapping[str, int], stopped: Sequence[str], hindered: str = "") -> str:
    """In sentences.

    Args:
        fates: of each grasp, how far it came; rejections: what is counted beside: `LATE`.
        stopped: what the gate said of those that it stopped.
        hindered: what is to be done about arms that cannot start, '' where none is to.
    """
    if not fates:
        return "See why the detector found nothing: no grasp was given."
    ends = Counter(fate for fate in fates if fate not in _NO_FATE)
    if not ends:
        return hindered or "Allow more time: not one grasp was looked at to its end."
    reached = Counter({fate: count for fate, count in ends.items() if progress(fate) > progress(FAR)})
    (commonest, _), *_ = (reached or ends).most_common(1)
    advice = _REMEDIES.get(commonest, _ANY)
    if commonest == STOPPED and stopped:
        advice = f"The gate said of the first: {stopped[0]}. Clear what is met there, or choose another --planner"
    return f"{advice}{', or allow more time' if LATE in rejections else ''}. {hindered}".strip()
