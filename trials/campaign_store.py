"""The log's campaigns: what was planned stays as it was planned."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from core.errors import TrialError
from trials.campaign import Campaign
from trials.columns import values_of
from trials.log_connection import LogConnection
from trials.table import campaign_of, campaigns


class CampaignStore(LogConnection):
    """What was planned before its first trial; raises as `TrialStore`."""

    def add_campaign(self, campaign: Campaign) -> Campaign:
        """Commits a campaign before its first trial; the campaign with its id and uuid.

        Raises:
            TrialError: there is one of that name already.
        """
        campaign = replace(campaign, uuid=campaign.uuid or uuid4().hex)
        row = campaigns.insert().values(values_of(campaign)).returning(campaigns.c.id)
        try:
            with self.writing() as connection:
                return self._campaign(connection, connection.execute(row).scalar_one())
        except TrialError as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
            raise TrialError(
                f"There is a campaign {campaign.name!r} in {self.where} already.",
                "Go on with that one, or give the new one another name.",
            ) from error

    def campaign(self, name: str | int) -> Campaign:
        """By its name, or by its id.

        Raises:
            TrialError: there is none; names those there are.
        """
        column = campaigns.c.id if isinstance(name, int) else campaigns.c.name
        with self.reading() as connection:
            found = self.read(connection, select(campaigns).where(column == name), campaign_of)
            known = connection.execute(select(campaigns.c.name).order_by(campaigns.c.id)).scalars().all()
        if not found:
            raise TrialError(
                f"There is no campaign {name!r} in {self.where}.",
                f"There are: {', '.join(known)}." if known else "There is none at all; python main.py trials --help",
            )
        return found[0]

    def campaigns(self, is_open: bool = False) -> tuple[Campaign, ...]:
        """All, or those that have not ended, in the order they were begun."""
        query = select(campaigns).order_by(campaigns.c.id)
        with self.reading() as connection:
            return self.read(connection, query.where(campaigns.c.finished.is_(None)) if is_open else query, campaign_of)

    def note_look(self, campaign: int, trials: int) -> Campaign:
        """Notes that results were looked at when there were so many trials; nothing once the campaign has ended."""
        with self.writing() as connection:
            known = self._campaign(connection, campaign)
            if known.finished is not None:
                return known
            look = {"made": datetime.now(UTC).isoformat(), "trials": trials}
            return self._change(connection, known, looks=(*known.looks, look))

    def finish_campaign(self, campaign: int) -> Campaign:
        """Ends it, once: a blind one's estimators are named from now on."""
        with self.writing() as connection:
            known = self._campaign(connection, campaign)
            return self._change(connection, known, finished=known.finished or datetime.now(UTC))

    def mark_exploratory(self, campaign: int) -> Campaign:
        """Notes that what was planned was not kept to: its p values prove nothing."""
        with self.writing() as connection:
            return self._change(connection, self._campaign(connection, campaign), is_exploratory=True)

    def _campaign(self, connection: Connection, id_: int) -> Campaign:
        query = select(campaigns).where(campaigns.c.id == id_).with_for_update()
        found = self.read(connection, query, campaign_of)
        if not found:
            raise TrialError(f"There is no campaign of number {id_} in {self.where}.", "Name another one.")
        return found[0]

    def _change(self, connection: Connection, known: Campaign, **changes: Any) -> Campaign:
        changed = replace(known, **changes)
        connection.execute(campaigns.update().where(campaigns.c.id == known.id).values(values_of(changed)))
        return changed
