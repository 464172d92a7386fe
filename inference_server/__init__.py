"""Find an object in a photograph from clicks, then remove it, fill it or replace what is around it.

    from inference_server import Engine

    engine = Engine()
    masks = engine.segment(image, points=[(412, 230)], labels=[1])
    clean = engine.remove(image, masks[0].alpha)

`Engine` is loaded on first use, so that a program that has only pyzmq can import `inference_server.shared`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .engine import Engine
    from .shared.errors import UserError

__version__ = "0.1.0"
__all__ = ["Engine", "UserError"]


def __getattr__(name: str) -> object:
    if name == "Engine":
        from .engine import Engine

        return Engine
    if name == "UserError":
        from .shared.errors import UserError

        return UserError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
