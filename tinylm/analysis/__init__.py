"""Records -> results, summaries, intervals, fits and verdicts. Needs no torch."""
