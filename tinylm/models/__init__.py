"""The models: networks, counts of n-grams, and what keeps weights in files. This file loads no torch."""
