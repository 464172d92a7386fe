"""The commands about keys.  What they need is imported when they run (see `parser`)."""

from ..shared.command_lines import command

FOR_OTHERS = "serve --lan"


def show() -> int:
    """Print this user's keys, and whose programs the server answers.  Raises UserError."""
    from ..shared import keys

    own, served = keys.pair("client")[0], keys.demand()
    print(f"Your key, for whoever runs another machine's server:\n    {own}")
    listed = command("keys admit 'KEY' --name NAME")  # some of a key's signs mean something to a shell
    print(f"There it is listed with:\n    {listed}\n")
    print(f"The key of this machine's server, for those who are to use it:\n    {served}")
    print(f"It answers them, once they are listed, when it is started with:\n    {command(FOR_OTHERS)}\n")
    for name, key in keys.admitted().items():
        print(f"answered     {key}  {'you' if name == keys.OWN else name}")
    return 0


def admit(key: str, name: str) -> int:
    """Have the server answer the programs with this key.  Raises UserError."""
    from ..shared import keys

    keys.admit(key, name)
    print(f"The server answers {name} from now on.")
    return 0


def forget(name: str) -> int:
    """Have the server refuse them.  Raises UserError."""
    from ..shared import keys

    keys.forget(name)
    print(f"The server does not answer {name} any more.")
    return 0
