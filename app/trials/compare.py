"""`python main.py trials compare`: whether two estimators differ, and in which trials."""

from collections.abc import Sequence

from app.console import Console
from app.paths import trial_log
from app.trials.options import CompareOptions
from core.report.words import counted
from trials.report.comparisons import RateComparison
from trials.report.named_comparison import compare_named
from trials.report.verdict import p_value, points, with_interval
from trials.store import TrialStore

#: Trials that part the two and are named on the terminal; `--json` holds all.
_NAMED = 20


def compare_estimators(options: CompareOptions) -> int:
    """Raises a TrialError where one of the two has no trial that could be compared."""
    console = Console(options.as_json)
    with TrialStore(trial_log(is_written=False), is_read=True) as store:
        campaign = None if options.campaign is None else store.campaign(options.campaign)
        comparisons, caveats = compare_named(store, options.first, options.second, campaign, options.surface)
    _show(console, comparisons, caveats)
    console.result({"comparisons": comparisons, "is_descriptive": bool(caveats), "caveats": caveats})
    return 0


def _show(console: Console, comparisons: Sequence[RateComparison], caveats: Sequence[str]) -> None:
    first, second = comparisons[0].first, comparisons[0].second
    rows = []
    for one in comparisons:
        low, high = one.test.interval
        difference = f"{points(one.test.difference)} ({points(low)} to {points(high)})"
        rates = with_interval(one.test.first), with_interval(one.test.second)
        rows.append([one.surface, *rates, difference, one.test.test, p_value(one.test.p), p_value(one.corrected_p)])
    columns = ("surface", first, second, "difference, points (95 %)", "test", "p", "p, Holm")
    console.table(f"{first} − {second}, first picks", columns, rows)
    for one in comparisons:
        console.say(f"  {one.surface}: {one.test.test}; {one.test.why}.")
        if one.unmatched != (0, 0):
            console.say(
                f"    Left out: {one.unmatched[0]} and {counted(one.unmatched[1], 'first pick')} without a counterpart."
            )
        _show_parted(console, one)
    for caveat in caveats:
        console.say(f"  [yellow]p values are descriptive:[/] {caveat}.")


def _show_parted(console: Console, one: RateComparison) -> None:
    """The trials of scenes that one of the two got right."""
    if len(one.parted):
        pairs = ", ".join(f"{first}/{second}" for first, second in one.parted[:_NAMED])
        more = f" and {len(one.parted) - _NAMED} more (--json)" if len(one.parted) > _NAMED else ""
        console.say(f"    Trials that part them ({one.first}/{one.second}): {pairs}{more}")
