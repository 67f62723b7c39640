"""A module that cannot be imported."""

raise LookupError('no such table')
