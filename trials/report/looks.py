"""Reading a log to report on it, which is a look at a campaign's results, and is noted where it came too early."""

from collections.abc import Collection
from contextlib import suppress

import numpy as np

from core.errors import StorageError
from trials.arrays.blocks import read_arrays
from trials.arrays.trial_arrays import TrialArrays
from trials.campaign import Campaign
from trials.report.comparisons import caveats, is_complete
from trials.report.counting import CountedTrials
from trials.store import TrialStore


def read_open_arrays(store: TrialStore, campaign: Campaign | None, also: Collection[int] = ()) -> TrialArrays:
    """A campaign's trials; without one the whole log's but for those of blind campaigns that are open: among others
    they would not stay blind.

    Args:
        also: ids of campaigns whose trials are wanted all the same.
    """
    if campaign is not None:
        return read_arrays(store, campaign.id)
    arrays = read_arrays(store)
    hidden = [known.id for known in store.campaigns(is_open=True) if known.is_blind]
    hidden = [id_ for id_ in hidden if id_ not in also]
    return arrays.where(~np.isin(arrays.campaigns, hidden)) if hidden else arrays


def look_at(
    store: TrialStore, campaign: Campaign | None, counted: CountedTrials
) -> tuple[Campaign | None, tuple[str, ...]]:
    """The campaign, with this look noted where its budget is not reached, and why its p values are descriptive only.

    Args:
        campaign: None for all: it is a look at every open one of them.
        counted: all trials of the campaign at the least.
    """
    if campaign is None:
        there = set(np.flatnonzero(np.bincount(counted.arrays.campaigns)).tolist())
        for known in store.campaigns(is_open=True):
            if known.id in there:
                look_at(store, known, counted)
        return None, caveats(None, True)
    complete = is_complete(counted, campaign)
    if not complete and campaign.finished is None:
        seen = counted.standing(campaign.id)
        with suppress(StorageError):  # a log that may only be read; that the budget is not reached is told all the same
            campaign = store.note_look(campaign.id, seen) if seen else campaign
    return campaign, caveats(campaign, complete)
