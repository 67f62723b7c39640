"""No serializer at all."""

NOTHING = None
