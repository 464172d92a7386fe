"""The dialog of a job: its settings, as GIMP draws them from the procedure's arguments."""

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, Gtk  # noqa: E402  gi wants the versions first


def ask(procedure, config, pointed_at: str) -> bool:
    """Show the settings; True when the person chose to go on."""
    GimpUi.init(procedure.get_name())
    dialog = GimpUi.ProcedureDialog.new(procedure, config, procedure.get_menu_label().replace("_", "").rstrip("…"))
    told = Gtk.Label(label=f"The object: {pointed_at}.", xalign=0, wrap=True, max_width_chars=48, visible=True)
    dialog.get_content_area().pack_start(told, False, False, 6)
    dialog.fill(None)
    chosen = dialog.run()
    dialog.destroy()
    return chosen
