"""`enum.StrEnum`, which Python 3.10 lacks: GIMP's Python on macOS may be that old."""

import sys

if sys.version_info >= (3, 11):
    from enum import StrEnum as StrEnum
else:
    from enum import Enum

    class StrEnum(str, Enum):
        """Members are strings: they compare, hash, print and travel as such."""

        __str__ = str.__str__
        __format__ = str.__format__
