"""Audio measurements: signals to send through a path, and numbers about what comes out.

Everything here measures and nothing judges: limits belong to the requirements. No module imports Pipecat
or an implementation; a path is any callable, and a `Passage` can be built from plain lists.
"""
