"""Architectures of one file each: config, model and counts together, known by the file's name (docs/new_architecture.md).

A user's own files may also lie in `architectures/` of the folder of results, since an installed package cannot hold them.
"""

from tinylm import files

__path__.append(str(files.ARCHITECTURES))
