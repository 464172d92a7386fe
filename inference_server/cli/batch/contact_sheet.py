"""Photos and their results side by side, as one page that a browser shows."""

import base64
import html
from collections.abc import Iterable
from pathlib import Path

import cv2

from ...imaging.colour import ColourSpace
from ...imaging.files import reading
from ...imaging.pixels import to_proxy
from ...shared.atomic import write_atomically
from ...shared.errors import UserError, file_error
from ...shared.geometry import fit_within

SIDE = 640  # pixels of a picture
QUALITY = 85  # of its JPEG
STYLE = """
body { font: 15px system-ui, sans-serif; margin: 2em; background: #777; color: #fff }
figure { margin: 0 0 2em; display: grid; grid-template-columns: 1fr 1fr; gap: 8px }
figcaption { grid-column: 1 / 3 }
img { width: 100% }
"""


def write(file: Path, title: str, pairs: Iterable[tuple[Path, Path, str]]) -> None:
    """Write a page of (photo, result, what to say of them).  Raises UserError."""
    figures = "\n".join(_figure(photo, result, said) for photo, result, said in pairs)
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    page = f"<!doctype html>\n{head}\n<h1>{html.escape(title)}</h1>\n{figures}\n"
    try:
        write_atomically(file, page.encode())
    except OSError as error:
        raise file_error(file, error) from None


def _figure(photo: Path, result: Path, said: str) -> str:
    caption = html.escape(f"{photo.name}: {said}" if said else photo.name)
    return f"<figure><figcaption>{caption}</figcaption>{_picture(photo)}{_picture(result)}</figure>"


def _picture(file: Path) -> str:
    """A picture file as an element of the page; a sentence where there is none to be read."""
    try:
        photograph = reading.read(file)
    except UserError as error:
        return f"<p>{html.escape(str(error))}</p>"
    proxy = ColourSpace(photograph.profile).to_srgb(to_proxy(photograph.pixels))[..., :3]
    small = cv2.resize(proxy, fit_within(proxy.shape[1], proxy.shape[0], SIDE), interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}">'
