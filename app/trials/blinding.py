"""Trials as people may see them: while a blind campaign is open, its estimators are letters, wherever they stand."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from trials.alias import hide_names
from trials.campaign import Campaign
from trials.label import LabelledTrial
from trials.record import TrialRecord
from trials.store import TrialStore


class Blinding:
    """Hides what the log's blind campaigns hide."""

    def __init__(self, campaigns: Iterable[Campaign]) -> None:
        self.campaigns = {campaign.id: campaign for campaign in campaigns}

    def shown(self, known: LabelledTrial) -> LabelledTrial:
        return LabelledTrial(self.shown_record(known.trial), known.label)

    def shown_record(self, record: TrialRecord) -> TrialRecord:
        """The row with a letter in the place of its estimator's name, in its notes too."""
        campaign = self.campaigns.get(record.campaign)
        alias = campaign.alias(record.estimator) if campaign else record.estimator
        if alias == record.estimator:
            return record
        hidden = {field: _hide(getattr(record, field), record.estimator, alias) for field in ("detail", "notes")}
        return replace(record, estimator=alias, **hidden)

    def trials(self, store: TrialStore, estimator: str | None, **wanted: Any) -> tuple[LabelledTrial, ...]:
        """`store.labelled`, of an estimator as it is shown: a name finds no trial that is hidden behind a letter."""
        if estimator is None:
            return tuple(map(self.shown, store.labelled(**wanted)))
        found = list(store.labelled(**wanted, estimator=estimator))
        for campaign in self.campaigns.values():
            if wanted.get("campaign") in (None, campaign.id):
                for name in campaign.estimators:
                    if campaign.alias(name) == estimator != name:
                        found += store.labelled(**wanted | {"campaign": campaign.id}, estimator=name)
        shown = sorted(map(self.shown, found), key=lambda known: known.trial.id)
        shown = [known for known in shown if known.trial.estimator == estimator]
        return tuple(shown[-wanted["last"] :] if wanted.get("last") else shown)


def _hide(value: Any, name: str, alias: str) -> Any:
    if isinstance(value, str):
        return hide_names(value, [name], alias)
    if isinstance(value, dict):
        return {key: _hide(item, name, alias) for key, item in value.items()}
    return [_hide(item, name, alias) for item in value] if isinstance(value, list) else value
