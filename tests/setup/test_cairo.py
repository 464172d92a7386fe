"""How pycairo comes to each system."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gimp_plugin"))

from inpaint_anything.setup.cairo import remedy


@pytest.mark.parametrize(
    ("described", "says"),
    [
        ("ID=debian\n", "apt install python3-gi-cairo"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt install python3-gi-cairo"),
        ("ID=fedora\n", "dnf install"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', "zypper install"),
        ("ID=manjaro\nID_LIKE=arch\n", "pacman"),
        ("ID=gentoo\n", "Install pycairo"),
        ("", "Install pycairo"),
    ],
)
def test_each_system_has_its_command(described, says):
    assert says in remedy(described, is_appimage=False)
    assert "AppImage" in remedy(described, is_appimage=True)
