"""Specs -> records: the loop, its steps, and a pool of processes that runs many. This file loads no torch."""
