"""The settings in a GIMP without windows."""

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402


def main(scenario: str, photo: str) -> list:
    """[its label, its places in the menus, how a script fares with it, and what is said to the script]"""
    procedure = Gimp.get_pdb().lookup_procedure(f"inpaint-anything-{scenario}")
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    status = procedure.run(config).index(0)
    said = Gimp.get_pdb().get_last_error()
    return [procedure.get_menu_label(), list(procedure.get_menu_paths()), status.value_nick, said]
