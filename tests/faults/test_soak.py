"""What the soak and the fuzzer are made of works, and what they begin with is well."""

import json
import random
import sys
from dataclasses import asdict

import pytest

if sys.platform != "linux":
    pytest.skip("the soak reads /proc", allow_module_level=True)

from .soak import campaign, deeds, mutations, report, targets
from .soak.campaign import Outcome, Sample


@pytest.mark.parametrize("name", targets.TARGETS)
def test_what_the_fuzzer_begins_with_is_taken(name, small_home):
    target, chance = targets.TARGETS[name], random.Random(1)
    for data in target.seeds():
        target.take(data)
        for _ in range(20):
            target.take(b"".join(mutations.mutated([data], chance)))


def test_a_message_that_was_mutated_is_another():
    parts, chance = [b'{"id":"1","sizes":[2]}', b"{}", bytes(range(99))], random.Random(1)
    assert sum(mutations.mutated(parts, chance) != parts for _ in range(200)) > 150
    assert all(len(mutations.truncated(parts, chance)) <= 3 for _ in range(200))


def test_a_report_says_what_was_broken_and_how_memory_went(tmp_path):
    outcomes = [Outcome(at=k, name="fault", hello=0.1, job=0.5 + k / 100, own_peak=30, peak=600) for k in range(300)]
    outcomes.append(Outcome(at=300, name="other", broken="a promise"))
    samples = [
        Sample(at=k, memory=30, files=9, threads=4, worker_memory=500 + k, worker_files=6, worker_threads=3)
        for k in range(300)
    ]
    (tmp_path / campaign.FAULTS).write_text("\n".join(json.dumps(asdict(one)) for one in outcomes))
    (tmp_path / campaign.SAMPLES).write_text("\n".join(json.dumps(asdict(one)) for one in samples))
    (tmp_path / campaign.HONEST).write_text("done\tremove\t0\t0.250\nTraceback")
    found = report.text(tmp_path)
    assert "| fault | 300 | 0 | 0.10 s | 0.10 s | 2.00 s | 3.49 s | 30 | 600 |" in found
    assert "BROKEN after 300 s, other: a promise" in found and "BROKEN, the honest client: Traceback" in found
    assert "worker 649.5 -> 739.0 MB" in found
    assert (tmp_path / report.PLOT).read_text().count("<polyline") == 6


def test_there_are_faults_of_every_kind():
    assert len(deeds.FAULTS) > 30 and {*deeds.OFTEN, *deeds.ENGINE} <= deeds.FAULTS.keys()
