"""The sections of the study, one file each."""
