"""Trained models put to use: scored, sampled, adapted to what they read, examined. This file loads no torch."""
