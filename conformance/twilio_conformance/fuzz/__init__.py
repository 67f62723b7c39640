"""Differential fuzzing: random sessions played by an implementation and by the reference, and compared."""
