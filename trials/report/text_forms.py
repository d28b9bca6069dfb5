"""The report as Markdown, and its table in LaTeX, in the form of the paper's Table VI."""

from core.report.words import counted
from trials.report.contents import TrialReport
from trials.report.counting import SurfaceRate
from trials.report.page import has_several
from trials.report.verdict import p_value, percent, points, with_interval
from trials.summary import PAPER, PAPER_MEANS

_MARKDOWN = {letter: f"\\{letter}" for letter in "\\|<`"}
_LATEX = {"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def report_markdown(report: TrialReport, numbers: str) -> str:
    """numbers: where the trials themselves are, in a sentence."""
    parts = [f"# {report.title}", f"{report.made:%Y-%m-%d %H:%M} UTC, {counted(len(report.counted.arrays), 'trial')}."]
    if report.campaign and report.campaign.question:
        parts.append(f"**{_in_markdown(report.campaign.question)}**")
    if report.is_simulated:
        parts.append("**Simulated**: these trials ran in the digital cell, not on a real one.")
    parts.append(report.verdict)
    if report.caveats:
        parts.append(
            "p values describe these trials only, because\n\n" + "\n".join(f"- {one}" for one in report.caveats)
        )
    parts += ["## Success by surface", _rates(report), _counts(report)]
    if report.comparisons:
        parts += ["## Compared", _comparisons(report)]
    if any(report.causes.values()):
        parts += ["## Why trials failed", _causes(report)]
    parts += ["## What ran", "\n".join(f"- {name}: {value}" for name, value in report.ran.items())]
    parts += ["## Left out", _left_out(report), numbers]
    return "\n\n".join(parts) + "\n"


def _rates(report: TrialReport) -> str:
    rows = [
        [name, *(_cell(report.rate(name, surface)) for surface in (*report.surfaces, ""))] for name in report.estimators
    ]
    for system, mean in PAPER_MEANS.items():
        of = PAPER.get(system, {})
        rows.append([f"{system} (paper)", *(percent(of.get(surface)) for surface in report.surfaces), percent(mean)])
    return _table(["method", *report.surfaces, "all"], rows)


def _cell(rate: SurfaceRate | None) -> str:
    return f"{with_interval(rate.success)}, {rate.success.hits} of {rate.success.of}" if rate else "–"


def _counts(report: TrialReport) -> str:
    rows = [
        [rate.surface, rate.estimator, with_interval(rate.first)]
        + [str(number) for number in (rate.trials, rate.unconfirmed, rate.excluded, rate.replaced, rate.unfinished)]
        for rate in report.rates
    ]
    columns = ["surface", "method", "first try", "trials", "unconfirmed", "excluded", "replaced", "scenes unfinished"]
    return _table(columns, rows)


def _comparisons(report: TrialReport) -> str:
    rows = []
    for one in report.comparisons:
        low, high = one.test.interval
        difference = f"{points(one.test.difference)} ({points(low)} to {points(high)}) points"
        descriptive = " (descriptive)" if report.caveats else ""
        p_values = [p_value(one.test.p), p_value(one.corrected_p) + descriptive]
        rows.append([one.surface, f"{one.first} − {one.second}", difference, one.test.test, one.test.why, *p_values])
    return _table(["surface", "compared", "difference", "test", "why this test", "p", "p, Holm"], rows)


def _causes(report: TrialReport) -> str:
    rows = [
        [surface, estimator, ", ".join(f"{cause} {number}" for cause, number in causes.items())]
        for (surface, estimator), causes in report.causes.items()
        if causes
    ]
    return _table(["surface", "method", "reasons"], rows)


def _left_out(report: TrialReport) -> str:
    rows = [
        [str(one.trial.trial.id), one.trial.trial.surface, one.trial.trial.estimator, one.why]
        for one in report.left_out
    ]
    return _table(["trial", "surface", "method", "why"], rows) if rows else "No trial is left out."


def _table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(_in_markdown, line)) + " |" for line in lines)


def _in_markdown(text: str) -> str:
    """What a person typed, as it stands, in one line: no break, bar or tag of it ends the table's cell."""
    return "".join(_MARKDOWN.get(letter, letter) for letter in " ".join(text.split()))


def report_latex(report: TrialReport) -> str:
    """For booktabs. A rate as the paper writes it, its 95 % Wilson interval beneath."""
    columns = [*report.surfaces, "mean"]
    lines = [
        rf"% {report.title}, {report.made:%Y-%m-%d %H:%M} UTC. {report.verdict}",
        *(["% Simulated: these trials ran in the digital cell."] if report.is_simulated else []),
        r"\begin{tabular}{l" + "c" * len(columns) + "}",
        r"\toprule",
        "Method & " + " & ".join(column.capitalize() for column in columns) + r" \\",
        r"\midrule",
    ]
    for system, mean in PAPER_MEANS.items():
        rates = [*(PAPER.get(system, {}).get(surface) for surface in report.surfaces), mean]
        lines.append(f"{system} (paper) & " + " & ".join(_short(rate) for rate in rates) + r" \\")
    lines.append(r"\midrule")
    for name in report.estimators:
        own = [report.rate(name, surface) for surface in (*report.surfaces, "")]
        lines.append(f"{_escaped(name)} & " + " & ".join(map(_latex_cell, own)) + r" \\")
    unit = "objects lifted of objects laid" if has_several(report) else "successful trials"
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", f"% {unit}, 95 \\% Wilson intervals"]) + "\n"


def _latex_cell(rate: SurfaceRate | None) -> str:
    if rate is None or rate.success.rate is None:
        return "--"
    low, high = rate.success.interval
    return rf"{_short(rate.success.rate)} {{\scriptsize [{_short(low)}, {_short(high)}] $n={rate.success.of}$}}"


def _short(rate: float | None) -> str:
    """As the paper writes it: .47; 1.00."""
    return "--" if rate is None else f"{rate:.2f}".removeprefix("0")


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
