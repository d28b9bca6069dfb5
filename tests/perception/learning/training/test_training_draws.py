"""Which clips a step learns from follows from seed and step alone, as long as the paper says."""

from collections import Counter
from pathlib import Path

import pytest
import torch

from core.errors import ConfigurationError, DatasetError, TrainingError
from perception.learning.datasets.base import Dataset
from perception.learning.training.draws import Sampler, seen_in_training, split
from perception.learning.training.loader import clip_stream, naming_lost_readers
from perception.learning.training.settings import read_settings
from perception.learning.training.trainer import LEVELS
from tests.support.tiny.training import SIZE, BallClip, BlindClip, ball_data


def sampler(data: list[Dataset], longest: int = 21, seed: int = 0) -> Sampler:
    return Sampler(data, longest, seed, LEVELS)


def test_lengths_are_uniform_over_4n_plus_1_and_one_for_all_samples_of_a_step() -> None:
    drawn = sampler(ball_data(length=30))
    counts = Counter(drawn.draw(step, 0).count for step in range(1200))
    assert sorted(counts) == [1, 5, 9, 13, 17, 21]
    assert all(150 < count < 250 for count in counts.values())
    assert all(drawn.draw(step, 0).count == drawn.draw(step, 7).count for step in range(50))


def test_one_frame_comes_from_images_and_videos_and_more_from_videos_alone() -> None:
    drawn = sampler(ball_data(length=30, images=10))
    of = [drawn.draw(step, number) for step in range(300) for number in range(2)]
    assert {draw.dataset for draw in of if draw.count == 1} == {0, 1}
    assert {draw.dataset for draw in of if draw.count > 1} == {0}


def test_every_draw_lies_within_its_clip_and_reaches_both_of_its_ends() -> None:
    drawn = sampler(ball_data(videos=1, length=7), longest=5)
    starts = {(d.count, d.start) for step in range(200) for d in [drawn.draw(step, 0)]}
    assert starts == {(5, s) for s in range(3)} | {(1, s) for s in range(7)}


def test_draws_do_not_depend_on_what_was_drawn_before_but_on_the_seed() -> None:
    first = [sampler(ball_data()[:1], 5).draw(step, 1) for step in (5, 3, 4)]
    again = sampler(ball_data()[:1], 5)
    assert [again.draw(step, 1) for step in (5, 3, 4)] == first
    assert [sampler(ball_data(), 5, seed=1).draw(step, 1) for step in (5, 3, 4)] != first


def test_processes_share_a_batch_and_a_stream_begun_later_is_the_rest_of_the_first() -> None:
    data = ball_data()
    drawn = sampler(data, 5)

    def draws(first_step: int, share: tuple[int, int], count: int) -> list:
        stream = clip_stream(data, drawn, SIZE, first_step, 4, share, 0)
        return [next(stream)[0] for _ in range(count)]

    whole = draws(0, (0, 1), 8)
    assert whole == [drawn.draw(step, number) for step in range(2) for number in range(4)]
    assert draws(0, (0, 2), 4) == whole[0::2] and draws(0, (1, 2), 4) == whole[1::2]
    assert draws(1, (0, 1), 4) == whole[4:]


def test_another_process_reads_the_same_and_names_a_damaged_frame_as_this_one_does() -> None:
    data = ball_data()
    here, ahead = (clip_stream(data, sampler(data, 5), SIZE, 0, 2, (0, 1), workers) for workers in (0, 1))
    for _ in range(3):
        (draw, ours), (their_draw, theirs) = next(here), next(ahead)
        assert draw == their_draw and torch.equal(ours.disparity, theirs.disparity)
    blind = [Dataset("blind", (BlindClip("blind", 5),))]
    with pytest.raises(DatasetError, match="blind has no true depth"):
        next(clip_stream(blind, sampler(blind, 1), SIZE, 0, 1, (0, 1), 1))


def test_a_reader_that_was_killed_is_named() -> None:
    # As torch words it, from a handler of signals that would tell it to these tests again and again.
    with pytest.raises(TrainingError, match=r"lost .*pid 12.* last checkpoint"), naming_lost_readers():
        raise RuntimeError("DataLoader worker (pid 12) is killed by signal: Killed. ")


def test_another_error_of_torchs_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="out of memory"), naming_lost_readers():
        raise RuntimeError("CUDA out of memory")


def test_too_few_frames_are_an_error_that_names_the_length_that_would_do() -> None:
    with pytest.raises(TrainingError, match="the longest of 4 video clips has 7") as error:
        sampler(ball_data(length=7))
    assert "--longest 5" in error.value.remedy
    images = ball_data(images=10)[1:]
    with pytest.raises(TrainingError, match="only images"):
        sampler(images)
    assert sampler(images, 1).draw(0, 0).count == 1


def test_held_out_clips_are_never_drawn_and_few_clips_serve_for_both() -> None:
    data = ball_data(videos=8, images=3)
    kept, held = split(data, 2)
    names = {clip.name for dataset in kept for clip in dataset.clips}
    assert len(held) == 2 and all(clip.is_video for clip in held)
    assert not names & {clip.name for clip in held} and len(names) == 7
    kept, held = split(ball_data(videos=3), 2)
    assert [clip.name for clip in held] == ["ball-0"] and len(kept[0].clips) == 3


class FileClip(BallClip):
    """Of a file, which its seed stands for."""

    def stamp(self) -> str:
        return f"file {self.seed}"


def test_clips_are_seen_in_training_by_their_files_and_not_by_their_names() -> None:
    learnt = [Dataset("balls", tuple(FileClip(f"set1/{k}", 5, seed=k) for k in range(4)))]
    # The same files, of a set that was named from a folder further down; then another set's, called alike.
    same, others = ([FileClip(str(k), 5, seed=k + first) for k in range(2)] for first in (0, 100))
    assert seen_in_training(same, learnt) == 2
    assert seen_in_training(others, learnt) == 0
    assert seen_in_training([same[0], others[1]], learnt) == 1
    kept, held = split(learnt, 1)
    assert seen_in_training(held, kept) == 0
    kept, held = split([*learnt, *learnt], 1)
    assert seen_in_training(held, kept) == 1, "the set was given twice"


def test_options_go_before_the_yaml_and_the_paper_fills_the_rest(tmp_path: Path) -> None:
    config = tmp_path / "train.yaml"
    config.write_text("data: [transphy3d=data]\nweights: base\nrank: 16\nbatch: 4\n")
    settings = read_settings(config, {"batch": 2, "rank": None})
    assert (settings.batch, settings.rank, settings.learning_rate) == (2, 16, 1e-5)
    assert (settings.size, settings.longest, settings.steps) == ((832, 480), 21, 70_000)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"data": ("nyu=data",)}, "nyu=data.* is not KIND=FOLDER"),
        ({"size": (100, 64)}, "not in multiples of 16 .try 96x64"),
        ({"longest": 20}, "20 is not 4N . 1 .try 17"),
        ({"learning": 1}, "learning: there is no such field"),
        ({"base": "tiny"}, "weights .a folder. or base tiny, not both"),
    ],
)
def test_settings_that_make_no_sense_are_named(setting: dict, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_settings(None, {"data": ("transphy3d=data",), "weights": Path("base")} | setting)
