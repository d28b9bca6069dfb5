"""A calibration is kept as it was saved, whole or not at all, and one that went bad is named and left alone."""

import io
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import yaml

from calibration.result import CalibrationFinding, CellCalibration
from calibration.store import CalibrationStore, _digest
from core.cell import load_cell
from core.errors import CalibrationError, StorageError, VitroError
from core.json_values import plain
from tests.support.calibrations import calibration_of
from tests.support.paths import CELLS

CELL = load_cell(CELLS / "sim.yaml")


@pytest.fixture
def store(tmp_path: Path) -> CalibrationStore:
    return CalibrationStore(tmp_path, CELL.name)


def same(a: CellCalibration, b: CellCalibration) -> bool:
    """But for the samples, which are loaded by themselves."""
    return plain(asdict(a) | {"samples": {}}) == plain(asdict(b) | {"samples": {}})


def test_what_is_loaded_is_what_was_saved_to_the_last_bit(store: CalibrationStore) -> None:
    saved = calibration_of(CELL)
    version = store.save(saved)
    loaded, samples = store.load(version), store.samples(version)
    assert version == "2026-11-20T08-30-05" and same(loaded, saved)
    assert np.array_equal(loaded.arms["left"].T_world_base, saved.arms["left"].T_world_base)
    assert np.isnan(loaded.arms["left"].holdout_mm) and np.isnan(loaded.arms["left"].offsets_sigma_deg[0])
    assert loaded.arms["left"].dropped == (3,) and loaded.intrinsics == saved.intrinsics
    assert samples.keys() == saved.samples.keys()
    assert all(np.array_equal(samples[name], saved.samples[name]) for name in samples)


def test_nothing_is_made_or_in_use_before_something_is_saved(store: CalibrationStore) -> None:
    assert store.current() is None and store.versions() == [] and not store.folder.exists()
    with pytest.raises(CalibrationError, match="No calibration of the cell 'sim' is in use"):
        store.rollback()


def test_no_version_is_ever_overwritten(store: CalibrationStore) -> None:
    names = [store.save(calibration_of(CELL, seed)) for seed in range(3)]
    assert names == store.versions() == ["2026-11-20T08-30-05", "2026-11-20T08-30-05.2", "2026-11-20T08-30-05.3"]
    assert all(same(store.load(name), calibration_of(CELL, seed)) for seed, name in enumerate(names))


def test_a_bad_one_is_left_for_the_one_before_and_never_comes_back_by_itself(store: CalibrationStore) -> None:
    good, bad = store.save(calibration_of(CELL, 0)), store.save(calibration_of(CELL, 1))
    assert store.current_version() == bad and store.rollback() == good
    newer = store.save(calibration_of(CELL, 2))
    assert store.current_version() == newer and store.rollback() == good
    assert store.rollback(to=bad) == bad and store.rollback() == good
    assert store.rollback() is None and store.current() is None
    assert store.versions() == [good, bad, newer]


class PowerCut(BaseException):
    """The process is gone."""


@pytest.mark.parametrize(
    "failure", [PowerCut(), OSError(28, "No space left on device")], ids=["power cut", "full disk"]
)
def test_whichever_write_fails_the_one_before_stays_in_use(
    store: CalibrationStore, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    former = store.save(calibration_of(CELL, 0))
    really_open, failures = Path.open, 0
    for nth in range(20):
        count = 0

        def fail_at_nth(path: Path, mode: str = "r", *more, nth: int = nth, **options):
            nonlocal count
            file = really_open(path, mode, *more, **options)
            if {"w", "x"} & set(mode) and path.name.endswith(".partial"):
                count += 1
                if count == nth + 1:
                    file.write(b"half")
                    raise failure
            return file

        with monkeypatch.context() as patched:
            patched.setattr(Path, "open", fail_at_nth)
            try:
                store.save(calibration_of(CELL, 1))
                break
            except (PowerCut, StorageError):
                failures += 1
        assert store.current_version() == former and same(store.current(), calibration_of(CELL, 0))  # type: ignore[arg-type]
        assert all(store.load(version) for version in store.versions())
    assert failures == 3
    assert same(store.current(), calibration_of(CELL, 1))  # type: ignore[arg-type]


def edits(text: str) -> dict[str, bytes]:
    content = yaml.safe_load(text)

    def changed(**fields) -> bytes:
        return yaml.safe_dump(content | fields).encode()

    arms = content["arms"]
    return {
        "nothing": b"",
        "no yaml": b"[[[",
        "no text": b"\xff\xfe\x00",
        "a list": b"- 1\n",
        "another format": changed(format=99),
        "half of it": text[: len(text) // 2].encode(),
        "a pose of words": changed(T_world_camera="here"),
        "a pose of nothing": changed(T_world_camera=[[1, 0], [0, 1]]),
        "a scaled pose": changed(T_world_camera=(2 * np.eye(4)).tolist()),
        "an infinite pose": changed(T_world_camera=[[1, 0, 0, float("inf")], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
        "no date": changed(date="soon"),
        "a date nowhere": changed(date="2026-11-20T08:30:05"),
        "no arms": changed(arms=None),
        "an arm of nothing": changed(arms=arms | {"left": {}}),
        "another cell": changed(cell="lab"),
        "a nudged number": text.replace("board_scale: 1.001", "board_scale: 1.002").encode(),
        "another digest": changed(digest="0" * 64),
        "no digest": yaml.safe_dump({k: v for k, v in content.items() if k != "digest"}).encode(),
        "much of nothing": b"a: &a [x, x]\nb: [" + b"*a, " * 3 + b"]\n" + b"c: 1\n" * 9,
        "too long": b"#" * (1 << 20),
        "a key without a name": text.encode() + b"? \n: 1\n",
        "a day beside it": text.encode() + b"checked: 2026-11-21\n",
    }


def test_one_that_was_edited_is_named_left_alone_and_can_be_left(store: CalibrationStore) -> None:
    good, bad = store.save(calibration_of(CELL, 0)), store.save(calibration_of(CELL, 1))
    file = store.folder / f"{bad}.yaml"
    text = file.read_text()
    for what, content in edits(text).items():
        file.write_bytes(content)
        with pytest.raises(CalibrationError, match=f"{bad}.yaml is not as it was saved") as caught:
            store.current()
        assert "rollback" in caught.value.remedy and file.read_bytes() == content, what
    assert store.rollback() == good and same(store.current(), calibration_of(CELL, 0))  # type: ignore[arg-type]
    with pytest.raises(CalibrationError, match="not as it was saved"):
        store.rollback(to=bad)
    assert store.current_version() == good


def test_its_text_again_is_the_calibration_again(store: CalibrationStore) -> None:
    """Order and layout are not what the digest is of."""
    version = store.save(calibration_of(CELL))
    file = store.folder / f"{version}.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()), sort_keys=True))
    assert same(store.load(version), calibration_of(CELL))


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"../../elsewhere\n", b"\x00", b"x" * (2 << 20), b"2020-01-01T00-00-00\n"]
)
def test_a_pointer_of_nonsense_is_named(store: CalibrationStore, content: bytes) -> None:
    store.save(calibration_of(CELL))
    (store.folder / "current").write_bytes(content)
    with pytest.raises(CalibrationError) as caught:
        store.current()
    assert "calibrate list" in caught.value.remedy and str(store.folder / "current") in caught.value.cause
    assert store.versions()[0] in caught.value.remedy
    version = store.versions()[0]
    assert store.rollback(to=version) == version == store.current_version()
    (store.folder / "current").write_bytes(content)
    newer = store.save(calibration_of(CELL, 1))
    assert store.current_version() == newer


def test_where_no_calibration_is_left_a_new_one_is_advised(store: CalibrationStore) -> None:
    version = store.save(calibration_of(CELL))
    (store.folder / f"{version}.yaml").unlink()
    with pytest.raises(CalibrationError) as caught:
        store.current()
    assert "python main.py calibrate." in caught.value.remedy and "rollback" not in caught.value.remedy


def test_one_of_before_some_numbers_were_kept_still_reads(store: CalibrationStore) -> None:
    version = store.save(calibration_of(CELL))
    file = store.folder / f"{version}.yaml"
    content = yaml.safe_load(file.read_text())
    for arm in content["arms"].values():
        for later in ("board_sigma", "driven_px", "driven_mm", "joint_error_deg"):
            del arm[later]
    for later in ("digest", "lens", "fingers", "gripper", "agreement"):
        del content[later]
    file.write_text(yaml.safe_dump(content | {"digest": _digest(content)}))
    arm = store.load(version).arms["left"]
    assert np.isnan(arm.driven_mm) and arm.views == 20 and store.load(version).lens is None


def test_lost_or_exchanged_samples_bar_nothing_but_themselves(store: CalibrationStore) -> None:
    version = store.save(calibration_of(CELL))
    file = store.folder / f"{version}.npz"
    other = io.BytesIO()
    np.savez(other, joints=np.zeros(6))
    for content in (b"", b"PK", other.getvalue()):
        file.write_bytes(content)
        with pytest.raises(CalibrationError, match=r"npz is not as it was saved"):
            store.samples(version)
    file.unlink()
    with pytest.raises(CalibrationError, match=r"npz is not as it was saved"):
        store.samples(version)
    assert store.current() is not None


def test_a_fatal_finding_is_never_stored(store: CalibrationStore) -> None:
    finding = CalibrationFinding(
        "turned-tags", "The tags are turned by 180 degrees.", "Print the sheet anew.", fatal=True
    )
    with pytest.raises(CalibrationError, match="The tags are turned"):
        store.save(calibration_of(CELL, findings=(finding,)))
    assert not store.folder.exists()


@pytest.mark.parametrize("name", ["../elsewhere", "", "a/../../b", "a\nb"])
def test_a_cells_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(CalibrationError, match="name no folder"):
        CalibrationStore(tmp_path, name)


def test_two_that_save_at_once_do_not_mix(store: CalibrationStore) -> None:
    store.save(calibration_of(CELL))
    with store._hold(), pytest.raises(VitroError, match="Another process writes"):
        store.save(calibration_of(CELL, 1))
