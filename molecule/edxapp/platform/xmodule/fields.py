"""Fields of the platform's own.

Facts: edx-platform xmodule/fields.py. A text is parsed twice, with defaults that differ, to notice a missing day or month.
"""

import datetime

import dateutil.parser

_YEAR = datetime.datetime.now(datetime.timezone.utc).year
_SEEDS = [datetime.datetime(_YEAR, number, number, tzinfo=datetime.timezone.utc) for number in (1, 2)]


class Date:
    """A date as JSON keeps it: text on one side, an aware datetime on the other."""

    def from_json(self, field):
        """Return the date of a text, None for no text and for a text without day or month."""
        if not field:
            return None
        return self._parse_date_wo_default_month_day(field) if isinstance(field, str) else field

    def _parse_date_wo_default_month_day(self, field):
        first, second = (dateutil.parser.parse(field, default=seed) for seed in _SEEDS)
        if first != second:
            return None
        return first if first.tzinfo else first.replace(tzinfo=datetime.timezone.utc)

    def to_json(self, value):
        """Return the text of a date."""
        return None if value is None else value.isoformat()
