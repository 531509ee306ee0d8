"""The subcommands of `python -m tinylm`, one module each; torch is loaded only by those that compute."""
