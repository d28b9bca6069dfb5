"""Views in a file come back as they were, or not at all."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import TrainingError
from perception.learning.objects.view_file import read_views, write_views
from perception.learning.objects.views import View
from tests.support.scenes.views import drawn_view


def assert_same(one: View, other: View) -> None:
    for field in fields(View):
        mine, its = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, its)
            assert mine.dtype == its.dtype
        elif field.name == "table":
            np.testing.assert_array_equal(mine.normal, its.normal)
            assert mine.offset_m == its.offset_m
        else:
            assert mine == its


def test_views_come_back_to_the_bit_seen_or_not(tmp_path: Path) -> None:
    view = drawn_view()
    views = [view, replace(view, estimate=view.depth), replace(view, sensor=view.back, estimate=view.depth)]
    write_views(tmp_path / "views.npz", views)
    read = read_views(tmp_path / "views.npz")
    assert len(read) == len(views)
    for one, other in zip(views, read, strict=True):
        assert_same(one, other)


def test_a_file_that_is_cut_off_or_holds_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "views.npz"
    write_views(path, [drawn_view()])
    whole = path.read_bytes()
    for harmed in (whole[: len(whole) // 2], b"", b"not views", whole[:2000] + b"\0" * 500 + whole[2500:]):
        path.write_bytes(harmed)
        with pytest.raises(TrainingError, match=r"views\.npz is damaged.*rendered anew"):
            read_views(path)
    np.savez(path, color=np.zeros(3))
    with pytest.raises(TrainingError, match="holds no views"):
        read_views(path)
