"""The pictures of one trial: what the camera saw, the depth, the tags, the grasps."""

from pathlib import Path

from app.trial import Trial

#: How many grasps are drawn: more would hide the object.
SHOWN_GRASPS = 8


def save_pictures(trial: Trial, folder: Path) -> Path:
    """Writes a PNG for every stage that was reached and returns the folder."""
    import cv2

    folder.mkdir(parents=True, exist_ok=True)
    for name, image in _images(trial).items():
        partial = folder / f".{name}.partial.png"
        cv2.imwrite(str(partial), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        partial.rename(folder / f"{name}.png")
    return folder
