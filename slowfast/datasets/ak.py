"""The data set ``ak``: Animal Kingdom, which registers itself where it is defined.

Its class is in `slowfast.ak`, so that it also works in an upstream checkout.
"""

from slowfast.ak.clips.animal_kingdom import Ak

__all__ = ["Ak"]
