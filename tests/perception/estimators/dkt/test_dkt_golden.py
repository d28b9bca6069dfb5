"""The released computation, from its golden vectors: the same latents and the same disparity."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from perception.estimators.dkt.model import DktSettings, Mode, load_dkt
from perception.estimators.specification import Observation
from tests.support.paths import SHARED

PARITY = SHARED / "parity"
pytestmark = pytest.mark.skipif(not PARITY.is_dir(), reason=f"no golden vectors at {PARITY}")

#: Largest differences accepted of latents and disparity: summed in the same order, and folded.
ACCEPTED = {"exact": (1e-4, 1e-4), "fast": (5e-4, 5e-4)}


@pytest.mark.parametrize("mode", ["exact", "fast"])
@pytest.mark.parametrize("case", ["one_window", "three_windows"])
def test_a_streamed_clip_gives_the_golden_latents_and_disparity(case: str, mode: Mode) -> None:
    folder = PARITY / case
    dims = json.loads((folder / "dims.json").read_text())
    windows = {"window": dims["window_latents"], "stride": dims["stride_latents"]}
    width, height = dims["size_wh"]
    model = load_dkt(folder, DktSettings(mode=mode, size=(width, height), steps=dims["steps"], **windows))
    stream = model.open(dims["frames"], height, width, "depth")
    latents: list[torch.Tensor] = []
    decode = stream._decoder.push
    stream._decoder.push = lambda latent: (latents.append(latent), decode(latent))[1]  # type: ignore[method-assign]
    frames = [np.array(Image.open(path)) for path in sorted((folder / "frames").glob("*.png"))]
    maps = [a_map for frame in frames for a_map in stream.push(Observation(frame))] + stream.finish()
    golden = load_file(folder / "expected.safetensors")
    accepted_latents, accepted_disparity = ACCEPTED[mode]
    assert (torch.cat(latents, 2) - golden["latents"]).abs().max() <= accepted_latents
    assert np.abs(np.stack(maps) - golden["disparity"].numpy()).max() <= accepted_disparity


@pytest.mark.parametrize("case", ["one_window", "three_windows"])
def test_the_sampler_has_the_golden_noise_levels(case: str) -> None:
    from perception.estimators.dkt.sampler import released_schedule

    dims = json.loads((PARITY / case / "dims.json").read_text())
    schedule = released_schedule(dims["steps"])
    assert np.allclose(schedule.sigmas[:-1], dims["sigmas"], atol=1e-7) and schedule.sigmas[-1] == 0
    assert np.allclose(schedule.timesteps, dims["timesteps"], atol=1e-4)
