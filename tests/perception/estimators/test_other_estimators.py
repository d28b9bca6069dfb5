"""Depth-Anything, DepthCrafter and Marigold answer as the paper's baselines do, behind the one interface."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import ConfigurationError, PerceptionError
from hardware.cameras.clips.clip import ClipFrame
from perception.estimators.options import EstimatorOptions
from perception.estimators.registry import open_estimator
from perception.estimators.specification import Observation
from perception.table.locate import locate_table
from perception.table.metric_scale import fit_metric
from tests.support.drawn_cell import CELL, draw_frame
from tests.support.tiny.estimators import save_depth_anything, save_depthcrafter, save_marigold

SAVE = {
    "depth-anything-v2-large": save_depth_anything,
    "depthcrafter": save_depthcrafter,
    "marigold-e2e": save_marigold,
}
SIZE = {"depth-anything-v2-large": (70, 56), "depthcrafter": (32, 32), "marigold-e2e": (64, 48)}
KIND = {"depth-anything-v2-large": "disparity", "depthcrafter": "disparity", "marigold-e2e": "depth"}
#: A file of weights in each folder.
WEIGHTS = {
    "depth-anything-v2-large": "model.safetensors",
    "depthcrafter": "unet/diffusion_pytorch_model.safetensors",
    "marigold-e2e": "unet/diffusion_pytorch_model.safetensors",
}
every = pytest.mark.parametrize("name", SAVE)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    return {name: save(tmp_path_factory.mktemp(name)) for name, save in SAVE.items()}


def _options(name: str, folder: Path, **changes) -> EstimatorOptions:
    steps = {"steps": 2} if name == "depthcrafter" else {}
    return EstimatorOptions(**({"weights": folder, "size": SIZE[name], "device": "cpu"} | steps | changes))


def _image(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth colours with noise on them."""
    rng = np.random.default_rng(seed)
    waves = np.sin(np.arange(height)[:, None, None] / 9 + np.arange(width)[:, None] / 13 + rng.uniform(0, 6, 3))
    return np.clip(127 + 90 * waves + rng.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)


def _maps(estimator, clip: list[np.ndarray]) -> np.ndarray:
    stream = estimator.stream(len(clip), *clip[0].shape[:2])
    return np.stack([m for color in clip for m in stream.push(ClipFrame(color))] + stream.finish())


@every
@pytest.mark.parametrize(("height", "width"), [(97, 61), (60, 80), (33, 47)])
def test_odd_and_portrait_frames_come_back_in_their_size_and_unquantised(folders, name, height, width) -> None:
    estimator = open_estimator(name, _options(name, folders[name]))
    assert (estimator.name, estimator.specification.gives) == (name, KIND[name])
    for count in (1, 3):
        maps = _maps(estimator, [_image(height, width, seed) for seed in range(count)])
        assert maps.shape == (count, height, width) and maps.dtype == np.float32
        # Of nearly as many values as pixels: nothing went through 8 bits.
        assert all(len(np.unique(m)) > 0.9 * height * width for m in maps)


@every
def test_the_same_frames_give_the_same_bits_from_weights_loaded_again(folders, name) -> None:
    clip = [_image(40, 50, seed) for seed in range(2)]
    first, second = (_maps(open_estimator(name, _options(name, folders[name])), clip) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@every
def test_the_cell_gets_the_map_of_its_newest_frame(folders, name) -> None:
    frame = draw_frame(CELL)
    older = replace(frame, color=_image(*frame.color.shape[:2]), number=0)
    options = _options(name, folders[name])
    answer = open_estimator(name, options).estimate([older, frame], None)
    clip = [older.color, frame.color] if name == "depthcrafter" else [frame.color]
    np.testing.assert_array_equal(answer.values, _maps(open_estimator(name, options), clip)[-1])
    assert (answer.kind, answer.estimator) == (KIND[name], name)


@every
def test_what_a_perfect_network_would_say_becomes_metric_depth_by_the_declared_kind(folders, name) -> None:
    """A network of that kind knows 1/z (near is large) or z (near is small), up to scale and shift."""
    frame = draw_frame(CELL)
    view = locate_table(frame, CELL)
    answer = open_estimator(name, _options(name, folders[name])).estimate([frame], None)
    said = frame.depth_m if name == "marigold-e2e" else 1 / frame.depth_m
    metric = fit_metric(replace(answer, values=(0.3 * said + 0.7).astype(np.float32)), view, frame)
    assert np.nanmax(np.abs(metric.depth_m - frame.depth_m)) < 0.005
    with pytest.raises(PerceptionError, match="wrong way round"):
        fit_metric(replace(answer, values=(-0.3 * said + 0.7).astype(np.float32)), view, frame)


@pytest.mark.parametrize(("height", "width"), [(96, 128), (131, 96)])
def test_depth_anything_equals_the_pipeline_of_transformers(folders, height, width) -> None:
    from PIL import Image
    from transformers import DepthAnythingForDepthEstimation, DPTImageProcessorPil
    from transformers.pipelines import DepthEstimationPipeline

    folder = folders["depth-anything-v2-large"]
    color = _image(height, width)
    model = DepthAnythingForDepthEstimation.from_pretrained(folder)
    pipeline = DepthEstimationPipeline(model=model, image_processor=DPTImageProcessorPil.from_pretrained(folder))
    expected = pipeline(Image.fromarray(color))["predicted_depth"].numpy()
    estimator = open_estimator("depth-anything-v2-large", EstimatorOptions(weights=folder, device="cpu"))
    assert expected.std() > 1
    np.testing.assert_allclose(_maps(estimator, [color])[0], expected, atol=1e-3, rtol=1e-5)


def test_depth_anything_sees_imagenets_colours_at_518_px_in_patches_of_14(tmp_path) -> None:
    from PIL import Image

    from perception.estimators.depth_anything import DepthAnything

    folder = save_depth_anything(tmp_path / "weights", short_px=518)
    estimator = DepthAnything(EstimatorOptions(weights=folder, device="cpu"))
    seen: list[torch.Tensor] = []
    estimator._model.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    color = _image(120, 160)
    estimator.estimate([Observation(color)])
    # 160 * 518 / 120 = 690.7, of which 686 is the nearest multiple of 14.
    resized = np.asarray(Image.fromarray(color).resize((686, 518), Image.Resampling.BICUBIC), np.float32) / 255
    expected = (resized - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(seen[0][0].permute(1, 2, 0).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (77, 50)])
def test_marigold_equals_the_pipeline_of_diffusers_in_one_step_from_zeros(folders, monkeypatch, height, width) -> None:
    from diffusers import AutoencoderKL, DDIMScheduler, MarigoldDepthPipeline, UNet2DConditionModel
    from PIL import Image
    from transformers import CLIPTextModel, CLIPTokenizer

    folder = folders["marigold-e2e"]
    monkeypatch.setattr("perception.estimators.marigold.LONG_PX", 96)
    pipeline = MarigoldDepthPipeline(
        unet=UNet2DConditionModel.from_pretrained(folder / "unet"),
        vae=AutoencoderKL.from_pretrained(folder / "vae"),
        scheduler=DDIMScheduler.from_pretrained(folder / "scheduler", timestep_spacing="trailing"),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        prediction_type="depth",
    )
    pipeline.set_progress_bar_config(disable=True)
    # Without this the last step stops a hair short of the clean latent, which the release decodes.
    pipeline.scheduler.final_alpha_cumprod = torch.tensor(1.0)
    color = _image(height, width)
    low = [-(-side * 96 // max(height, width) // 8) for side in (height, width)]
    latents = torch.zeros(1, 4, *low)
    image = Image.fromarray(color)
    expected = pipeline(image, num_inference_steps=1, processing_resolution=96, latents=latents).prediction[0, ..., 0]
    assert int(pipeline.scheduler.timesteps[0]) == 999 and expected.std() > 0.01
    estimator = open_estimator("marigold-e2e", EstimatorOptions(weights=folder, device="cpu"))
    np.testing.assert_allclose(_maps(estimator, [color])[0], expected, atol=2e-5)


@every
def test_options_that_a_model_does_not_know_are_named(folders, name) -> None:
    unknown = {"mode": "fast"} | ({} if name == "depthcrafter" else {"steps": 4, "window": 8, "stride": 4})
    for option, value in unknown.items():
        with pytest.raises(ConfigurationError, match=rf"'{name}' has no --{option}"):
            open_estimator(name, _options(name, folders[name], **({"steps": None} | {option: value})))
    with pytest.raises(ConfigurationError, match=r"multiples of \d+ pixels, not at 67x50.*Try --size \d+x\d+"):
        open_estimator(name, _options(name, folders[name], size=(67, 50)))
    for device in ("tpu9", "meta", "mps"):
        with pytest.raises(ConfigurationError, match=f"no device '{device}'"):
            open_estimator(name, _options(name, folders[name], device=device))


@every
def test_bfloat16_is_near_float32(folders, name) -> None:
    clip = [_image(48, 64)]
    exact, half = (
        _maps(open_estimator(name, _options(name, folders[name], dtype=dtype)), clip)
        for dtype in ("float32", "bfloat16")
    )
    assert half.dtype == np.float32 and np.isfinite(half).all()
    assert 0 < np.abs(half - exact).max() < 0.5 * np.ptp(exact)


def _copied(folder: Path, to: Path) -> Path:
    for path in folder.rglob("*"):
        if path.is_file():
            (to / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            (to / path.relative_to(folder)).write_bytes(path.read_bytes())
    return to


def _edit(path: Path, damage: str) -> None:
    tensors = load_file(path)
    key = sorted(key for key in tensors if tensors[key].ndim > 1)[0]
    if damage == "lacks":
        del tensors[key]
    elif damage == "misshapen":
        tensors[key] = torch.zeros(2, 3)
    elif damage == "unknown":
        tensors["another.weight"] = torch.zeros(2, 3)
    elif damage == "nan":
        tensors = {key: torch.full_like(tensor, torch.nan) for key, tensor in tensors.items()}
    save_file(tensors, path, metadata={"format": "pt"})


@every
def test_damaged_weights_are_refused_by_name(folders, name, tmp_path) -> None:
    folder = _copied(folders[name], tmp_path / "copy")
    path = folder / WEIGHTS[name]
    whole = path.read_bytes()

    def refused(match: str) -> None:
        with pytest.raises(PerceptionError, match=match) as caught:
            open_estimator(name, _options(name, folder))
        assert f"weights fetch {name}" in caught.value.remedy
        path.write_bytes(whole)

    for damage, match in {
        "lacks": "lacks tensors",
        "unknown": "has unknown tensors: another",
        "misshapen": "shape",
    }.items():
        _edit(path, damage)
        refused(match)
    path.write_bytes(whole[: len(whole) // 2])
    refused("cannot be loaded")
    path.unlink()
    refused("cannot be loaded")
    config = path.parent / "config.json"
    config.write_text("{")
    refused("not a JSON object")
    config.unlink()
    refused(r"config\.json cannot be read")


@every
def test_the_folder_of_another_model_is_refused(folders, name, tmp_path) -> None:
    for other in set(SAVE) - {name}:
        with pytest.raises(PerceptionError, match=r"holds|cannot be read|not conditioned"):
            open_estimator(name, _options(name, folders[other]))
    with pytest.raises(PerceptionError, match="no weights"):
        open_estimator(name, _options(name, tmp_path / "nowhere"))


@every
def test_weights_are_looked_for_where_they_are_fetched_to(folders, name, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("VITRO_WEIGHTS", str(tmp_path))
    with pytest.raises(PerceptionError, match=f"no weights of {name} in .*{tmp_path.name}"):
        open_estimator(name, EstimatorOptions())
    _copied(folders[name], tmp_path / name)
    assert open_estimator(name, EstimatorOptions(device="cpu")).name == name


def test_half_precision_downloads_and_older_tensor_names_load(folders, tmp_path) -> None:
    """SVD comes as *.fp16.safetensors; Marigold's text encoder has a prefix that today's class dropped."""
    clip = [_image(40, 50)]
    crafter = _copied(folders["depthcrafter"], tmp_path / "depthcrafter")
    for path in [*crafter.glob("vae/*.safetensors"), *crafter.glob("image_encoder/*.safetensors")]:
        path.rename(path.with_suffix(".fp16.safetensors"))
    marigold = _copied(folders["marigold-e2e"], tmp_path / "marigold")
    text = marigold / "text_encoder" / "model.safetensors"
    older = {f"text_model.{key}": tensor for key, tensor in load_file(text).items()}
    older["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(older, text, metadata={"format": "pt"})
    for name, folder in (("depthcrafter", crafter), ("marigold-e2e", marigold)):
        whole, other = (_maps(open_estimator(name, _options(name, where)), clip) for where in (folders[name], folder))
        np.testing.assert_array_equal(other, whole)


def test_weights_for_something_else_than_relative_depth_are_refused(folders, tmp_path) -> None:
    with pytest.raises(PerceptionError, match="for metric depth"):
        save_depth_anything(tmp_path / "metric", kind="metric")
        open_estimator("depth-anything-v2-large", EstimatorOptions(weights=tmp_path / "metric"))
    normals = _copied(folders["marigold-e2e"], tmp_path / "normals")
    (normals / "model_index.json").write_text(json.dumps({"_class_name": "MarigoldNormalsPipeline"}))
    with pytest.raises(PerceptionError, match="Marigold for normals"):
        open_estimator("marigold-e2e", EstimatorOptions(weights=normals))


@every
def test_a_map_that_is_not_finite_is_an_error(folders, name, tmp_path) -> None:
    folder = _copied(folders[name], tmp_path / "copy")
    _edit(folder / WEIGHTS[name], "nan")
    with pytest.raises(PerceptionError, match=rf"{name} gives a map .*finite on 0%"):
        _maps(open_estimator(name, _options(name, folder)), [_image(30, 40)])


@every
def test_a_frame_of_another_size_is_an_error(folders, name) -> None:
    stream = open_estimator(name, _options(name, folders[name])).stream(2, 30, 40)
    with pytest.raises(PerceptionError, match="frames of 40x30 and got one of 30x40"):
        stream.push(ClipFrame(_image(40, 30)))


@every
def test_where_memory_runs_out_a_smaller_size_is_named(folders, name, monkeypatch) -> None:
    size = (140, 112) if name.startswith("depth-any") else (128, 128)
    estimator = open_estimator(name, _options(name, folders[name], size=size))

    def run_out(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB.")

    monkeypatch.setattr("torch.nn.functional.conv2d", run_out)
    with pytest.raises(PerceptionError, match=rf"memory at {size[0]}x{size[1]}") as caught:
        _maps(estimator, [_image(30, 40)])
    assert f"--size {size[0] // 2}x{size[1] // 2}" in caught.value.remedy
