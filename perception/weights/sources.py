"""Where the weights of a model come from and where they are kept: what an estimator says of its own."""

import os
from dataclasses import dataclass
from pathlib import Path

APACHE = "Apache-2.0"


@dataclass(frozen=True)
class Source:
    """Files of one repository on the hub; a pattern's `*` matches within a folder.

    licence is what the repository's card stated when this was written; the hub's answer is shown
    beside it before anything is fetched. into: the folder, within the model's, that receives them;
    stored_as: what its one file is called there.
    """

    repo: str
    patterns: tuple[str, ...]
    licence: str
    into: str = ""
    stored_as: str = ""


@dataclass(frozen=True)
class Model:
    """One folder of weights; a model with a `prompt` also needs what the text encoder makes of it."""

    name: str
    purpose: str
    sources: tuple[Source, ...]
    prompt: str = ""

    @property
    def folder(self) -> Path:
        """Where they are, or will be."""
        return weights_root() / self.name


def weights_root() -> Path:
    """The folder that holds every model's: $VITRO_WEIGHTS, else `weights/` beside main.py."""
    return Path(os.environ.get("VITRO_WEIGHTS") or Path(__file__).parents[2] / "weights").expanduser()
