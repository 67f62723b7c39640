"""Audio measurements: signals to send through a path, and measures of its output.

The modules here measure and do not judge: limits belong to the requirements. None imports Pipecat or an
implementation; a `Passage` can be built from plain arrays.
"""
