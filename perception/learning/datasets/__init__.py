"""Data sets of objects that depth cameras cannot see, as published on disk: `open_dataset`."""

from perception.learning.datasets.base import KINDS, Clip, Dataset, DatasetFrame, open_dataset

__all__ = ["KINDS", "Clip", "Dataset", "DatasetFrame", "open_dataset"]
