"""A campaign from its options: fixed at the first call, and held against what later ones say."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from app.campaign.options import DEFAULTS, CampaignOptions
from app.options import names_in
from app.run.options import SharedOptions
from core.errors import ConfigurationError
from core.surfaces import SURFACES
from perception.estimators.registry import find_estimators
from trials.campaign import Campaign

#: Most objects of a scene.
MOST_OBJECTS = 6


def chosen_estimators(options: CampaignOptions) -> list[str]:
    """What a new campaign's estimators are chosen by: names, or files of a lab's own.

    Raises:
        ConfigurationError: there is one that there is not.
    """
    return [one.choice for one in find_estimators(options.estimators or str(DEFAULTS["estimators"]))]


def define(options: CampaignOptions, station: Mapping[str, str], choices: Mapping[str, str]) -> Campaign:
    """A new campaign.

    Args:
        station: what it runs on, by name: world, cell. choices: by the name that logs an estimator, what chooses it.

    Raises:
        ConfigurationError: an unknown surface, or objects that are no list.
    """
    given = {name: getattr(options, name) for name in DEFAULTS}
    said = {name: DEFAULTS[name] if value is None else value for name, value in given.items()}
    return Campaign(
        name=options.name,
        question=str(said["question"]),
        estimators=tuple(choices),
        surfaces=names_in(str(said["surfaces"]), SURFACES),
        scenes=int(str(said["trials"])),
        objects=parse_objects(str(said["objects"])),
        seed=int(str(said["seed"])),
        is_blind=bool(said["blind"]),
        is_exploratory=bool(said["exploratory"]),
        settings={**station, "choices": dict(choices), **shared_settings(options)},
    )


def demand_same(known: Campaign, options: CampaignOptions, station: Mapping[str, str]) -> None:
    """Refuses to go on with a campaign in any other way than it was begun.

    Raises:
        ConfigurationError: which option differs, and how.
    """
    given = {
        "question": options.question,
        "estimators": options.estimators and chosen_estimators(options),
        "surfaces": options.surfaces and names_in(options.surfaces, SURFACES),
        "trials": options.trials,
        "objects": options.objects and parse_objects(options.objects),
        "seed": options.seed,
        "blind": options.blind,
        "exploratory": options.exploratory,
    }
    fixed = {
        "question": known.question,
        "estimators": list(known.settings["choices"].values()),
        "surfaces": known.surfaces,
        "trials": known.scenes,
        "objects": known.objects,
        "seed": known.seed,
        "blind": known.is_blind,
        "exploratory": known.is_exploratory,
    }
    defaults = {field.name: field.default for field in fields(CampaignOptions)}
    for name, value in shared_settings(options).items():
        if value != defaults[name]:
            given[name], fixed[name] = value, known.settings.get(name)
    given |= station
    fixed |= {name: known.settings.get(name) for name in station}
    for name, value in given.items():
        if value is not None and value != fixed[name]:
            raise ConfigurationError(
                f"The campaign {known.name!r} was begun with {name} {_words(fixed[name])}, not {_words(value)}: "
                "what it compares was fixed then.",
                f"Leave it out to go on: python main.py trials campaign {known.name}. Or begin another, under a new "
                "name.",
            )


def shared_settings(options: SharedOptions) -> dict[str, Any]:
    """What every estimator's trials run with alike."""
    names = [field.name for field in fields(SharedOptions)]
    return {name: getattr(options, name) for name in (*names, "attempts")}


def parse_objects(text: str) -> tuple[int, ...]:
    """How many objects lie on the table, in turns: `3`, `1,3` or `1-5`.

    Raises:
        ConfigurationError: it is none of these, or too many.
    """
    numbers: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= MOST_OBJECTS:
            raise ConfigurationError(
                f"--objects {text!r} is no list of numbers of objects.",
                f"Give numbers from 1 to {MOST_OBJECTS}: 1, 1,3 or 1-5.",
            )
        numbers += range(first, last + 1)
    return tuple(numbers)


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else repr(value)
