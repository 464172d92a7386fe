#!/usr/bin/env python3
"""Inpaint Anything for GIMP 3: what GIMP executes.  The procedures are in `inpaint_anything.procedures`."""

import sys
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  gi wants the version first

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from inpaint_anything.procedures import InpaintAnything  # noqa: E402

Gimp.main(InpaintAnything.__gtype__, sys.argv)
