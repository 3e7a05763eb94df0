"""Namings: how libraries name the entries of networks, and the names of these entries here.

Each naming is one file, which registers it. To add one, add a file::

    @register
    class TheirLibrary(Naming):
        title = "names of their library"
        anchor = re.compile(r"trunk\\.stem\\.weight")

        def rename(self, state): ...

naming          what a naming is
find            which naming a file has, and where in it the weights lie
network_of      the settings of the network that weights are of
sub_batch_norm  statistics of sub-batch norm
not_loaded      namings of networks that are not built here
"""

import sys

from slowfast.ak.registries.registry import import_all
from slowfast.checkpoints.namings.find import UNKNOWN_NAMES, Fit, find_fit
from slowfast.checkpoints.namings.naming import NAMINGS, Naming, register

import_all(sys.modules[__name__])

__all__ = ["NAMINGS", "UNKNOWN_NAMES", "Fit", "Naming", "find_fit", "register"]
