"""Clips: the pixels that were written come back, whatever they are kept in, and damage is never read over."""

import json
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from core.errors import CameraError
from hardware.cameras.clips.clip import Clip
from hardware.cameras.clips.files import open_clip
from hardware.cameras.frame_folder import write_frame_folder
from tests.support.recordings import make_frame, record
from tests.support.videos import moving_colours, turned, write_video

FRAMES = moving_colours(12)
FLAT = np.stack(
    [np.full((32, 32, 3), rgb, np.uint8) for rgb in ((200, 40, 60), (30, 180, 90), (250,) * 3, (0, 0, 255))]
)


def colors_of(clip: Clip, start: int = 0) -> np.ndarray:
    return np.stack([frame.color for frame in clip.frames(start)])


def images(folder: Path, names: list[str], frames: list[np.ndarray] = FRAMES) -> Path:
    folder.mkdir(exist_ok=True)
    for name, color in zip(names, frames, strict=False):
        Image.fromarray(color).save(folder / name)
    return folder


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix"),
    [
        ("ffv1", "bgr0", "mkv"),
        ("ffv1", "bgra", "avi"),
        ("ffv1", "gbrp10le", "mkv"),
        ("libx264rgb", "rgb24", "mp4"),
        ("png", "rgb24", "mov"),
        ("rawvideo", "rgb24", "nut"),
    ],
)
def test_lossless_colour_comes_back_bit_by_bit(tmp_path: Path, codec: str, pix_fmt: str, suffix: str) -> None:
    options = {"crf": "0"} if codec == "libx264rgb" else {}
    clip = open_clip(write_video(tmp_path / f"clip.{suffix}", FRAMES, codec, pix_fmt, options))
    assert (clip.count, clip.width, clip.height, clip.fps) == (12, 64, 48, 25.0)
    np.testing.assert_array_equal(colors_of(clip), FRAMES)
    assert all(frame.rgbd is None for frame in clip.frames())


@pytest.mark.parametrize("start", [1, 7, 11, 12])
def test_a_clip_can_be_read_again_from_any_frame(tmp_path: Path, start: int) -> None:
    video = open_clip(write_video(tmp_path / "clip.mkv", FRAMES))
    folder = open_clip(images(tmp_path / "images", [f"{k}.png" for k in range(12)]))
    for clip in (video, folder):
        for frame, expected in zip(clip.frames(start), FRAMES[start:], strict=True):
            np.testing.assert_array_equal(frame.color, expected)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p", "yuv420p10le", "yuv422p"])
@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_colours_follow_the_matrix_that_a_video_names(tmp_path: Path, pix_fmt: str, matrix: int) -> None:
    """1: BT.709, 6: BT.601, 9: BT.2020. Eight bits of YUV hold RGB to about two levels."""
    read = colors_of(open_clip(write_video(tmp_path / "clip.mkv", FLAT, "ffv1", pix_fmt, matrix=matrix)))
    assert np.abs(read.astype(int) - FLAT).max() <= 3


def test_colours_of_full_range_are_not_stretched(tmp_path: Path) -> None:
    read = colors_of(open_clip(write_video(tmp_path / "clip.mp4", FLAT, "libx264", "yuvj420p", {"crf": "1"})))
    assert np.abs(read.astype(int) - FLAT).max() <= 3


@pytest.mark.parametrize(("size", "matrix"), [((48, 64), 6), ((720, 1280), 1)])
def test_a_matrix_that_is_not_named_is_that_of_the_televisions_of_its_size(
    tmp_path: Path, size: tuple[int, int], matrix: int
) -> None:
    color = np.full((*size, 3), (200, 40, 60), np.uint8)
    frame = av.VideoFrame.from_ndarray(color, "rgb24").reformat(format="yuv444p", dst_colorspace=matrix)
    frame.colorspace = 2
    with av.open(tmp_path / "clip.avi", "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = *size, "yuv444p"
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert np.abs(colors_of(open_clip(tmp_path / "clip.avi")).astype(int) - color).max() <= 3


def test_grey_video_is_grey(tmp_path: Path) -> None:
    grey = [np.repeat(color[..., :1], 3, -1) for color in FRAMES]
    read = colors_of(open_clip(write_video(tmp_path / "clip.mkv", grey, "ffv1", "gray")))
    assert np.abs(read.astype(int) - grey).max() <= 1


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_video_held_sideways_is_turned_upright(tmp_path: Path, quarters: int) -> None:
    path = turned(write_video(tmp_path / "clip.mp4", FRAMES, "libx264rgb", "rgb24", {"crf": "0"}), quarters)
    clip = open_clip(path)
    assert (clip.width, clip.height) == ((48, 64) if quarters % 2 else (64, 48))
    np.testing.assert_array_equal(colors_of(clip), np.rot90(FRAMES, -quarters, axes=(1, 2)))


def test_images_are_taken_in_the_order_a_person_counts(tmp_path: Path) -> None:
    names = [f"Shot {k}.png" for k in (1, 2, 10)] + ["shot 11b.PNG", "take_2.png"]
    folder = images(tmp_path / "images", names)
    (folder / "notes.txt").write_text("not a frame")
    (folder / "._Shot 1.png").write_bytes(b"not a frame either")
    np.testing.assert_array_equal(colors_of(open_clip(folder)), FRAMES[:5])


def test_one_image_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    folder = images(tmp_path, ["one.png"])
    np.testing.assert_array_equal(colors_of(open_clip(folder / "one.png")), FRAMES[:1])


def test_photographs_are_turned_as_their_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    color = cv2.resize(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8), (64, 48), interpolation=cv2.INTER_NEAREST)
    Image.fromarray(color).save(tmp_path / "a.jpg", exif=exif, quality=95, subsampling=0)
    read = colors_of(open_clip(tmp_path))[0]
    assert np.abs(read.astype(int) - np.rot90(color, -1)).max() < 40


def test_our_frame_folders_and_recordings_come_with_depth(tmp_path: Path) -> None:
    frames = [make_frame(k) for k in range(4)]
    write_frame_folder(tmp_path / "folder", frames)
    for clip in (open_clip(tmp_path / "folder"), open_clip(record(tmp_path / "clip.db3", frames))):
        assert clip.count == 4
        assert clip.fps == pytest.approx(30, rel=1e-3)
        for number, frame in enumerate(clip.frames(1), 1):
            assert frame.rgbd is not None and frame.rgbd.intrinsics == frames[0].intrinsics
            np.testing.assert_array_equal(frame.color, frames[number].color)
            np.testing.assert_allclose(frame.rgbd.depth_m, frames[number].depth_m, rtol=0, atol=0.51e-4)


def test_images_beside_intrinsics_of_another_layout_are_colour_alone(tmp_path: Path) -> None:
    folder = images(tmp_path / "images", ["rgb_1.png", "rgb_2.png"])
    (folder / "intrinsics.json").write_text(json.dumps({"camera": "of somebody else"}))
    assert [frame.rgbd for frame in open_clip(folder).frames()] == [None, None]


def test_progress_counts_every_frame(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    open_clip(write_video(tmp_path / "clip.mp4", FRAMES, "mpeg4", "yuv420p"), lambda *now: told.append(now))
    assert told == [(k, 12) for k in range(1, 13)]
    told.clear()
    open_clip(images(tmp_path / "images", ["a.png", "b.png"]), lambda *now: told.append(now))
    assert told == [(1, 2), (2, 2)]


def zeros_in_the_middle(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes(len(data) // 8) + data[len(data) // 2 + len(data) // 8 :]


def cut_off(data: bytes) -> bytes:
    return data[: 3 * len(data) // 5]


KINDS = {
    "ffv1.mkv": ("ffv1", "bgr0", {}),
    "ffv1.avi": ("ffv1", "bgr0", {}),
    "h264.mp4": ("libx264", "yuv420p", {"crf": "10", "g": "4"}),
    "faststart.mp4": ("libx264", "yuv420p", {"crf": "10", "movflags": "faststart"}),
    "h264.mkv": ("libx264", "yuv420p", {"crf": "10", "g": "4"}),
    "mpeg4.mp4": ("mpeg4", "yuv420p", {"b": "4M"}),
    "mpeg4.avi": ("mpeg4", "yuv420p", {"b": "4M"}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "prores.mov": ("prores_ks", "yuv422p10le", {}),
}


@pytest.mark.parametrize("harm", [zeros_in_the_middle, cut_off])
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_video_is_refused_whole_or_cut(tmp_path: Path, kind: str, harm: Callable[[bytes], bytes]) -> None:
    path = write_video(tmp_path / kind, FRAMES, *KINDS[kind])
    assert open_clip(path).count == 12
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(CameraError, match=kind) as refusal:
        open_clip(path)
    assert "ffmpeg" in refusal.value.remedy


def test_no_flipped_bit_changes_a_pixel_of_a_lossless_video_unnoticed(tmp_path: Path) -> None:
    """FFV1 carries checksums; other codecs can only notice most flips."""
    path = write_video(tmp_path / "clip.mkv", FRAMES)
    sound = path.read_bytes()
    rng = np.random.default_rng(0)
    noticed = 0
    for place in rng.integers(len(sound) // 10, 9 * len(sound) // 10, 40):
        data = bytearray(sound)
        data[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        try:
            np.testing.assert_array_equal(colors_of(open_clip(path)), FRAMES)
        except CameraError as error:
            assert "clip.mkv is damaged" in error.cause
            noticed += 1
    assert noticed > 30


def test_damage_is_told_by_frame_and_time_and_blames_no_later_clip(tmp_path: Path) -> None:
    sound = write_video(tmp_path / "sound.mkv", FRAMES)
    damaged = tmp_path / "damaged.mkv"
    data = bytearray(sound.read_bytes())
    data[len(data) * 21 // 24] ^= 1  # in the 11th of 12 frames of about one size
    damaged.write_bytes(data)
    for _ in range(3):
        with pytest.raises(CameraError, match=r"after frame 9 \(0\.36 s\)"):
            open_clip(damaged)
        assert open_clip(sound).count == 12


def test_a_video_that_changes_its_size_is_refused(tmp_path: Path) -> None:
    parts = [moving_colours(3), moving_colours(3, 96, 128)]
    data = b"".join(write_video(tmp_path / f"{k}.ts", p, "mpeg4", "yuv420p").read_bytes() for k, p in enumerate(parts))
    (tmp_path / "both.ts").write_bytes(data)
    with pytest.raises(CameraError, match=r"both\.ts"):
        open_clip(tmp_path / "both.ts")


def flip_a_bit(image: Path) -> None:
    data = bytearray(image.read_bytes())
    data[len(data) // 2] ^= 4
    image.write_bytes(data)


def halve(image: Path) -> None:
    image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])


def resize(image: Path) -> None:
    Image.fromarray(FRAMES[0][:40]).save(image)


def deepen(image: Path) -> None:
    Image.fromarray(np.full((48, 64), 4000, np.uint16)).save(image)


def empty(image: Path) -> None:
    image.write_bytes(b"")


@pytest.mark.parametrize("harm", [flip_a_bit, halve, resize, deepen, empty])
def test_one_bad_image_in_a_folder_is_named(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    folder = images(tmp_path / "images", [f"{k}.png" for k in range(5)])
    harm(folder / "3.png")
    with pytest.raises(CameraError, match=r"3\.png"):
        open_clip(folder)


def test_half_a_jpeg_is_named(tmp_path: Path) -> None:
    folder = images(tmp_path / "images", [f"{k}.jpg" for k in range(3)])
    halve(folder / "1.jpg")
    with pytest.raises(CameraError, match=r"1\.jpg"):
        open_clip(folder)


def test_a_damaged_frame_in_a_recording_is_found_when_it_is_opened(tmp_path: Path) -> None:
    write_frame_folder(tmp_path / "folder", [make_frame(k) for k in range(3)])
    halve(tmp_path / "folder" / "000002.depth.npy")
    with pytest.raises(CameraError, match=r"000002\.depth\.npy"):
        open_clip(tmp_path / "folder")


def sound_only(path: Path) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))


NO_CLIPS = {
    "absent.mp4": lambda path: None,
    "empty.mp4": lambda path: path.write_bytes(b""),
    "text.txt": lambda path: path.write_text("Frames were here.\n" * 50),
    "text.mp4": lambda path: path.write_text("Frames were here.\n" * 50),
    "noise.mkv": lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)),
    "sound.wav": sound_only,
    "folder": lambda path: path.mkdir(),
    "other.bag": lambda path: path.write_bytes(b"#ROSBAG V2.0\n"),
    "image.png": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"),
}


@pytest.mark.parametrize("name", NO_CLIPS)
def test_what_is_no_clip_is_named_with_a_next_step(tmp_path: Path, name: str) -> None:
    NO_CLIPS[name](tmp_path / name)
    with pytest.raises(CameraError, match=name) as refusal:
        open_clip(tmp_path / name)
    assert refusal.value.remedy


def test_a_video_of_no_frames_is_refused(tmp_path: Path) -> None:
    with av.open(tmp_path / "clip.avi", "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "bgr0"
        container.start_encoding()
    with pytest.raises(CameraError, match=r"clip\.avi"):
        open_clip(tmp_path / "clip.avi")


def test_a_file_that_changes_after_it_was_checked_is_noticed(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mkv", FRAMES)
    clip = open_clip(path)
    write_video(path, FRAMES[:8])
    with pytest.raises(CameraError, match="had 12 frames and now has 8"):
        list(clip.frames())
