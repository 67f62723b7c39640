"""Finding, driving and observing one implementation."""
