"""`python main.py trials power`: how many trials a question takes, before the first of them."""

from typing import Any

from app.console import Console
from app.trials.options import PowerOptions
from core.errors import ConfigurationError
from trials.report.verdict import percent
from trials.statistics.power import Design, rates_told_apart, trials_needed
from trials.statistics.proportion import SIGNIFICANT

_POWERS = (0.8, 0.9)


def tell_power(options: PowerOptions) -> int:
    """Raises a ConfigurationError where nothing is asked, or no two estimators can be like that."""
    if options.second is None and options.trials is None:
        raise ConfigurationError(
            "One rate alone asks nothing.", "Give a second one (power 0.60 0.80), or --trials N for what N can tell."
        )
    console, result = Console(options.as_json), dict[str, Any]()
    matched = options.matched or options.discordance is not None
    name = "matched scenes, exact McNemar" if matched else "independent scenes, Barnard"
    if options.second is None:
        result |= _told_apart(console, options, matched, name)
    else:
        design = Design((options.first, options.second), matched, options.discordance)
        result |= _needed(console, design, name)
        if options.trials is not None:
            result["power"] = design.power(options.trials)
            console.say(f"  {options.trials} of each find it in {percent(result['power'])} of campaigns.")
    console.result(result | {"matched": matched, "significance": round(SIGNIFICANT, 2)})
    return 0


def _needed(console: Console, design: Design, name: str) -> dict[str, Any]:
    needed = {power: trials_needed(design, power) for power in _POWERS}
    first, second = design.rates
    rows = [
        [percent(power), f"{trials:,}", "exact" if design.is_exact(trials) else "normal approximation"]
        for power, trials in needed.items()
    ]
    title = f"To tell {percent(first)} from {percent(second)} at p < {SIGNIFICANT:.2f}: {name}"
    console.table(title, ("found in", "scenes for each" if design.matched else "trials of each", "reckoned"), rows)
    if design.matched:
        why = "of estimators that fail independently; give --discordance where they fail on the same scenes"
        source = "as given" if design.discordance is not None else why
        console.say(f"  Scenes that part them: {percent(design.parted)}, {source}.")
    else:
        console.say("  Matched scenes may take fewer: --matched, with --discordance where it is known.")
    return {"trials_needed": {f"{power:.2f}": trials for power, trials in needed.items()}, "rates": design.rates}


def _told_apart(console: Console, options: PowerOptions, matched: bool, name: str) -> dict[str, Any]:
    trials = options.trials or 0
    found = {power: rates_told_apart(options.first, trials, power, matched, options.discordance) for power in _POWERS}
    rows = [
        [percent(power), *(_rate(rate, end) for rate, end in zip(found[power], ("below", "above"), strict=True))]
        for power in _POWERS
    ]
    title = f"What {trials:,} of each tell from {percent(options.first)} at p < {SIGNIFICANT:.2f}: {name}"
    console.table(title, ("found in", "at most", "at least"), rows)
    rates = {f"{power:.2f}": {"at_most": low, "at_least": high} for power, (low, high) in found.items()}
    return {"trials": trials, "rate": options.first, "told_apart": rates}


def _rate(rate: float | None, end: str) -> str:
    return f"nothing {end}" if rate is None else f"{100 * rate:.1f} %"
