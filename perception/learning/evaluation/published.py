"""What the DKT paper (arXiv 2512.23705) reports, to stand beside what is measured.

Its Table I is ClearPose and TransPhy3D-Test, Table II DREDS (STD-CatKnown and STD-CatNovel), Table V normals
on ClearPose. Only numbers that were found are here: DKT's own rows, not those of the methods it compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedRow:
    """A method's row: metrics as `DepthTally.metrics` and `AngleTally.metrics` name and scale them."""

    method: str
    source: str
    metrics: Mapping[str, float]


def _depth(method: str, source: str, *numbers: float) -> PublishedRow:
    """REL [%], RMSE [cm], delta 1.05, 1.10, 1.25 [%] as printed."""
    rel, rmse_cm, *shares = numbers
    named = dict(zip(("delta_1.05", "delta_1.10", "delta_1.25"), (share / 100 for share in shares), strict=True))
    return PublishedRow(method, source, {"rel": rel / 100, "rmse_cm": rmse_cm, **named})


def _normals(method: str, source: str, *numbers: float) -> PublishedRow:
    """Mean, median [deg], within 11.25, 22.5, 30 deg [%] as printed."""
    mean_deg, median_deg, *shares = numbers
    named = dict(zip(("within_11.25", "within_22.5", "within_30"), (share / 100 for share in shares), strict=True))
    return PublishedRow(method, source, {"mean_deg": mean_deg, "median_deg": median_deg, **named})


_CLEARPOSE = (
    _depth("DKT-14B", "Table I", 9.72, 14.58, 38.17, 65.50, 93.04),
    _depth("DKT-1.3B (LoRA)", "its ablation", 11.17, 17.45, 33.16, 58.02, 90.65),
)
_TRANSPHY3D = (_depth("DKT-14B", "Table I", 2.96, 19.50, 87.17, 97.09, 98.56),)
_KNOWN = (_depth("DKT-14B", "Table II", 5.30, 4.96, 53.86, 84.93, 99.89),)
_NOVEL = (_depth("DKT-14B", "Table II", 5.71, 4.66, 52.12, 79.51, 99.84),)
_CLEARPOSE_NORMALS = (_normals("DKT-Normal-14B", "Table V", 26.03, 18.59, 30.06, 59.63, 70.98),)


def published(kind: str, name: str, protocol: str) -> tuple[PublishedRow, ...]:
    """The rows for a data set (its kind and name) under the paper's protocols, on all pixels."""
    if protocol == "normals":
        return _CLEARPOSE_NORMALS if kind == "clearpose" else ()
    if protocol != "aligned":
        return ()
    if kind == "dreds":
        return {"std-catknown": _KNOWN, "std-catnovel": _NOVEL}.get(name.lower(), ())
    return {"clearpose": _CLEARPOSE, "transphy3d": _TRANSPHY3D}.get(kind, ())


def is_same_data(kind: str) -> bool:
    """Whether the paper measured on these data: its TransPhy3D-Test is another one than what is rendered here."""
    return kind != "transphy3d"
