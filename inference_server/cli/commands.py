"""The commands about the server and this machine.  What they need is imported when they run (see `parser`)."""


def stop() -> int:
    """End this user's running server."""
    from ..shared import client, endpoint

    found = endpoint.running()
    if found is None:
        print("No server is running.")
        return 0
    with client.Client(found) as connection:
        connection.stop_server()
    print("The server was asked to stop.")
    return 0


def top(*, once: bool) -> int:
    """Show what this user's running server does.  Raises UserError."""
    from . import top

    return top.run(once=once)


def install_service() -> int:
    """Have the system start the server for the network.  Raises UserError."""
    from . import service

    return service.install()


def remove_service() -> int:
    """Have the system no longer start it.  Raises UserError."""
    from . import service

    return service.remove()


def install_plug_in() -> int:
    """Put the plug-in into GIMP.  Raises UserError."""
    from . import plug_in_files

    return plug_in_files.install()


def doctor(*, anonymous: bool, repair: bool) -> int:
    """Say what works here and what does not, or mend it."""
    from . import doctor

    return doctor.repair() if repair else doctor.report(anonymous=anonymous)
