"""The command line: python -m inference_server COMMAND

serve, stop, doctor, keys, service, models; segment, remove, fill, replace; batch
"""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, by default the one of this process; returns the exit status, as `parser.main`."""
    if arguments is None and sys.argv[1:] == ["relay"]:  # before anything that takes time: a plug-in waits for it
        from .cli import relay

        return relay.run()
    from .cli import guard, parser

    if arguments is None and guard.is_needed(sys.argv[1:]):
        return guard.run(parser.main)
    return parser.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
