"""vitro-s: what its numbers mean, and what goes in and comes out."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import PerceptionError
from core.image import Intrinsics
from perception.depth_types import Plane
from perception.estimators.vitro_s.encoding import (
    CHANNELS,
    HIGHEST_Q,
    LOWEST_Q,
    QUOTIENT,
    decode_depth,
    encode_depth,
    inputs,
    plane_disparity,
)
from perception.estimators.vitro_s.model import (
    UNCALIBRATED,
    VitroS,
    combine,
    laplace_probability,
    load_vitro_s,
    read_weights,
    weights_bytes,
    working_intrinsics,
)
from perception.estimators.vitro_s.network import VitroNet
from tests.support.scenes.vitro_s import COLOR, TABLE, K, spread_out


def test_the_bare_table_is_zero_wherever_it_is_seen() -> None:
    rays = K.rays()
    q = encode_depth(TABLE.depth(rays), plane_disparity(rays, TABLE))
    assert np.abs(q[np.isfinite(q)]).max() < 1e-5


def test_one_height_above_the_table_is_one_number_all_over_the_picture() -> None:
    rays, height_m = K.rays(), 0.12
    raised = replace(TABLE, offset_m=TABLE.offset_m + height_m)
    q = encode_depth(raised.depth(rays), plane_disparity(rays, TABLE))
    assert np.allclose(q[np.isfinite(q)], -QUOTIENT * np.log(1 - height_m / 0.6), atol=1e-4)


def test_depth_survives_its_encoding() -> None:
    rays = K.rays()
    reference = plane_disparity(rays, TABLE)
    depth_m = np.random.default_rng(1).uniform(0.4, 1.1, reference.shape).astype(np.float32)
    q = encode_depth(depth_m, reference)
    inside = (q > LOWEST_Q) & (q < HIGHEST_Q)
    assert inside.any()
    assert np.allclose(decode_depth(q, reference)[inside], depth_m[inside], rtol=1e-5)


def test_a_scene_twice_as_large_and_far_has_the_same_encoding() -> None:
    rays = K.rays()
    depth_m = np.random.default_rng(1).uniform(0.4, 0.7, rays.shape[:2]).astype(np.float32)
    twice = replace(TABLE, offset_m=2 * TABLE.offset_m)
    one = encode_depth(depth_m, plane_disparity(rays, TABLE))
    assert np.allclose(one, encode_depth(2 * depth_m, plane_disparity(rays, twice)), atol=1e-5)


def test_without_a_sensor_its_channels_are_empty() -> None:
    x = inputs(COLOR, K.rays(), TABLE, None)
    assert x.shape == (CHANNELS, 48, 64)
    assert not x[7:].any()
    holes = np.full((48, 64), np.nan, np.float32)
    assert np.array_equal(inputs(COLOR, K.rays(), TABLE, holes), x)


def test_an_untrained_network_answers_the_bare_table() -> None:
    seen = VitroS.random().see(COLOR, K, TABLE)
    on_table = K.rays() @ TABLE.normal < -0.2
    assert np.allclose(seen.depth_m[on_table], TABLE.depth(K.rays())[on_table], rtol=1e-4)
    assert np.isfinite(seen.depth_m).all()
    assert ((seen.confidence >= 0) & (seen.confidence <= 1)).all()


@pytest.mark.parametrize("size", [(64, 48), (71, 53), (848, 480), (90, 160)])
def test_any_size_comes_back_as_it_went_in(size: tuple[int, int]) -> None:
    width, height = size
    k = Intrinsics(width, height, 0.72 * width, 0.72 * width, (width - 1) / 2, (height - 1) / 2)
    seen = VitroS.random().see(np.zeros((height, width, 3), np.uint8), k, TABLE)
    assert seen.depth_m.shape == seen.confidence.shape == (height, width)


def test_the_working_camera_sees_the_same_field() -> None:
    large = Intrinsics(848, 480, 610.0, 612.0, 420.0, 245.0)
    small = working_intrinsics(large, TABLE, 180.0)
    assert small.fx == pytest.approx(180.0 * 0.6 / np.sqrt(0.5), rel=0.01), "the table is 0.85 m away on the axis"
    corners = [((-0.5 - k.cx) / k.fx, (k.height - 0.5 - k.cy) / k.fy) for k in (large, small)]
    assert np.allclose(*corners, atol=1e-6)


def test_a_mirrored_picture_gives_the_mirrored_depth() -> None:
    model = VitroS(spread_out(), UNCALIBRATED)
    seen = model.see(COLOR, K, TABLE)
    turned = model.see(COLOR[:, ::-1].copy(), K, TABLE)
    assert np.ptp(seen.depth_m / TABLE.depth(K.rays())) > 1e-3
    assert np.allclose(seen.depth_m, turned.depth_m[:, ::-1], rtol=1e-4)


def test_wrong_shapes_and_planes_are_named() -> None:
    model = VitroS.random()
    with pytest.raises(PerceptionError, match="64x48"):
        model.see(COLOR[:40], K, TABLE)
    with pytest.raises(PerceptionError, match="sensor depth"):
        model.see(COLOR, K, TABLE, np.zeros((4, 4), np.float32))
    with pytest.raises(PerceptionError, match="plane"):
        model.see(COLOR, K, Plane(TABLE.normal, 0.3))


def test_weights_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    with pytest.raises(PerceptionError, match="no weights"):
        load_vitro_s(file)
    whole = weights_bytes(VitroNet(), UNCALIBRATED)
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PerceptionError, match="damaged"):
        load_vitro_s(file)
    other = tmp_path / "other.safetensors"
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, other)
    with pytest.raises(PerceptionError, match="no weights of vitro-s"):
        load_vitro_s(other)
    save_file({"a": torch.zeros(1)}, other, {"format": "vitro-s 1"})
    with pytest.raises(PerceptionError, match="writes it anew"):
        load_vitro_s(other)


def test_a_single_changed_byte_of_the_weights_is_noticed(tmp_path: Path) -> None:
    whole = weights_bytes(VitroNet(), UNCALIBRATED)
    assert weights_bytes(load_bytes(tmp_path, whole), UNCALIBRATED) == whole, "one network is one file"
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for changed in (bytes(flipped), whole.replace(b'"F16"', b'"I16"', 1)):
        with pytest.raises(PerceptionError, match="checksum"):
            load_bytes(tmp_path, changed)


def load_bytes(folder: Path, content: bytes) -> VitroNet:
    file = folder / f"{hashlib.sha256(content).hexdigest()}.safetensors"
    file.write_bytes(content)
    return read_weights(file)[0]


def test_weights_survive_their_file(tmp_path: Path) -> None:
    net = spread_out()
    file = tmp_path / "w.safetensors"
    file.write_bytes(weights_bytes(net, UNCALIBRATED))
    before, after = (model.see(COLOR, K, TABLE) for model in (VitroS(net, UNCALIBRATED), load_vitro_s(file)))
    assert np.allclose(before.depth_m, after.depth_m, rtol=2e-3)


def looks(*kinds: tuple[float, float]) -> np.ndarray:
    """Two looks (as it is, mirrored) of each kind (q, b), alike, at one pixel."""
    return np.array([[[[[q]], [[np.log(b)]]]] * 2 for q, b in kinds], np.float32)


def test_of_two_kinds_of_look_the_one_that_expects_less_error_counts_more() -> None:
    q, b = (float(array[0, 0]) for array in combine(looks((1.0, 0.1), (2.0, 0.3))))
    assert q == pytest.approx(1.25)
    assert b == pytest.approx(2 / (1 / 0.1 + 1 / 0.3) + np.sqrt(0.75 * 0.25**2 + 0.25 * 0.75**2))


def test_looks_that_agree_keep_their_expected_error() -> None:
    q, b = combine(looks((1.0, 0.1), (1.0, 0.1)))
    assert (float(q[0, 0]), float(b[0, 0])) == pytest.approx((1.0, 0.1))
    alone = combine(looks((1.0, 0.1)))
    assert (float(alone[0][0, 0]), float(alone[1][0, 0])) == pytest.approx((1.0, 0.1))


def test_a_surer_network_says_a_higher_probability() -> None:
    depth_m = np.full((2, 2), 0.7, np.float32)
    sure, unsure = (laplace_probability(depth_m, np.full((2, 2), b, np.float32)) for b in (-4.0, -1.0))
    assert (sure > unsure).all()
