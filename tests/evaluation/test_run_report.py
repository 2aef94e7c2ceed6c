"""The page of a run: the finding first, nothing fetched, a model's words never markup."""

import re

import msgspec

from ecotone.evaluation.report import report_of
from tests.evaluation.made_up_runs import NOON, failed, identity, keyed, result, run_of, suite


def test_the_page_of_a_finished_run() -> None:
    code, maths = suite("code", 12), suite("maths", 4)
    rows = [result("small", "code", n, 0.0) for n in range(12)] + [result("large", "code", n, 1.0) for n in range(12)]
    rows += [result(model, "maths", n, 1.0) for model in ("small", "large") for n in range(3)]
    rows += [failed("small", "maths", 3, "timeout")]
    hostile = msgspec.structs.replace(rows[0], why="<script>alert(1)</script>")
    assert hostile.answer is not None
    hostile = msgspec.structs.replace(hostile, answer=msgspec.structs.replace(hostile.answer, reply="<img src=x>"))
    rows[0] = hostile
    models = [identity("small", "embedded"), identity("large", "vendor")]
    run = msgspec.structs.replace(run_of(models, [code, maths]), finished_at=NOON, software={"ecotone": "1.2.3"})
    page = report_of(run, {"code": code, "maths": maths}, keyed(rows))
    assert page == report_of(run, {"code": code, "maths": maths}, keyed(rows))

    found = page.index("large is better than small on the average of all suites by")
    assert "and on code by 100 points (" in page
    assert "no difference seen on maths (" in page
    assert found < page.index("<svg") < page.index("Differences") < page.index("How to repeat it")
    assert "ecotone eval run --suite code --suite maths -m small -m large --seed 0 --fresh" in page
    assert "<code>timeout</code>" in page
    assert "&lt;img src=x&gt;" in page and "<img src=x>" not in page
    assert "<script>alert" not in page
    assert "not finished" not in page
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page), "it opens without a network"


def test_the_page_of_a_run_that_has_just_begun() -> None:
    code = suite("code", 3)
    page = report_of(run_of([identity("m", "vendor")], [code]), {"code": code}, {})
    assert "This run is not finished: 3 cases are left." in page
    assert "Nothing has been scored yet." in page
