"""Pass or fail: one file a chapter for what data cannot say, and the runner of the vectors for the rest."""
