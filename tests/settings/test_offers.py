"""What is offered of the models of a server, as tables."""

import sys
from pathlib import Path

import pytest

from inference_server.models import overview
from inference_server.models.overview import Device
from inference_server.models.store import Store
from inference_server.shared.messages import Job, ModelInfo, ModelList
from inference_server.shared.text import Translatable

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "gimp_plugin"))
from inpaint_anything.settings import offers

NONE = Translatable("")
PACKAGES = 500
SEEKERS, PAINTERS = (Job.SELECT, Job.REMOVE), (Job.FILL, Job.REPLACE)


def model(name: str, job: Job | None, *marks: str, size: int = 100) -> ModelInfo:
    """marks: here, used, advised, by hand; lacks, for one whose packages lack."""
    return ModelInfo(
        name=name,
        title=NONE,
        use=NONE,
        job=job,
        licence="",
        size=size,
        memory=0,
        installed="here" in marks,
        page="",
        by_hand=Translatable("by hand" if "by hand" in marks else ""),
        lacks=Translatable("lacks" if "lacks" in marks else ""),
        advised="advised" in marks,
        short=NONE,
        packages_size=PACKAGES if "lacks" in marks else 0,
        used="used" in marks,
    )


def listed(*models: ModelInfo, more: int = 0) -> ModelList:
    return ModelList(device="", memory=0, free=0, models=models, more=more)


STARTER = model("starter", Job.SELECT, "here", "used")
BETTER = model("better", Job.SELECT, "advised")
PAINTER, LORA = model("painter", Job.FILL, "advised"), model("lora", None, "advised", size=10)


@pytest.mark.parametrize(
    ("models", "job", "expected", "needed"),
    [
        ([STARTER, BETTER], Job.SELECT, "better", ""),
        ([STARTER, model("better", Job.SELECT)], Job.SELECT, "", ""),
        ([STARTER, model("better", Job.SELECT, "advised", "by hand")], Job.SELECT, "", ""),
        ([STARTER, BETTER], Job.REMOVE, "", ""),
        ([model("better", Job.SELECT, "here", "used", "advised"), STARTER], Job.SELECT, "", ""),
        ([STARTER, model("better", Job.SELECT, "here", "advised", "lacks")], Job.SELECT, "better", ""),
        ([STARTER, model("better", Job.SELECT, "here", "advised", "lacks", "by hand")], Job.SELECT, "better", ""),
        ([BETTER], Job.SELECT, "better", "better"),
        ([PAINTER, LORA], Job.FILL, "painter lora", "painter"),
        ([PAINTER, LORA], Job.REPLACE, "painter lora", "painter"),
        ([LORA, PAINTER], Job.FILL, "painter lora", "painter"),
        ([PAINTER, LORA], Job.SELECT, "", ""),
        ([model("painter", Job.FILL, "here", "used", "advised"), LORA], Job.FILL, "lora", ""),
        ([model("other", Job.FILL, "here", "used"), PAINTER, LORA], Job.FILL, "painter lora", ""),
        ([model("painter", Job.FILL, "here", "advised", "lacks")], Job.FILL, "painter", "painter"),
        ([model("other", Job.FILL), model("lora", None)], Job.FILL, "", ""),
        ([], Job.FILL, "", ""),
    ],
)
def test_what_is_better_or_lacks_is_offered(models, job, expected, needed):
    for only_needed, names in ((False, expected), (True, needed)):
        offer = offers.offer_for(job, listed(*models), needed=only_needed)
        assert [each.name for each in offer.models] == names.split() if offer else not names
        if offer:
            assert offer.needed == (offers.used(job, listed(*models)) is None)
            assert offer.accelerates == (offer.models[0].job is None)


def test_nothing_is_offered_while_the_device_is_not_known(home):
    models = listed(*overview.describe(Store(), None), more=1)
    assert not any(offers.offer_for(job, models, needed=needed) for job in Job for needed in (False, True))


def test_a_new_installation_is_offered_a_model_for_each_job(home):
    models = listed(*overview.describe(Store(), Device("", 8 << 30, 0)))
    for job in SEEKERS:
        assert offers.used(job, models) and not offers.offer_for(job, models, needed=True)
        offer = offers.offer_for(job, models, needed=False)
        assert offer and not offer.needed and not offer.accelerates
    for job in PAINTERS:
        offer = offers.offer_for(job, models, needed=True)
        assert offer and offer.needed and [each.name for each in offer.models] == ["sd15-inpainting"]
        assert 2.1e9 < offer.size - offer.models[0].packages_size < 2.2e9


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ([], []),
        ([PAINTER, LORA], [100, 10]),
        ([model("a", Job.FILL, "here")], [0]),
        ([model("a", Job.FILL, "lacks"), model("b", None, "lacks", size=10)], [100 + PACKAGES, 10]),
        ([model("a", Job.FILL, "lacks", "here"), model("b", None, "lacks", size=10)], [PACKAGES, 10]),
    ],
)
def test_packages_are_counted_once(models, expected):
    assert offers.sizes(models) == expected
