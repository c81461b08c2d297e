"""The drawing of fine-tuning says what the configuration says."""

from pathlib import Path

import pytest
import yaml

from mftl import checks
from mftl.config.plot import Plot
from mftl.config.studies import complete
from mftl.plotting import finetuning_scheme

ROOT = Path(__file__).parents[2]
STYLE = Plot(font_size=8.0).model_dump()


def config(**own):
    values = complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    values["figures"] = {"scheme": {"kind": "finetuning-scheme"} | own}
    return checks.load(values, ROOT)


@pytest.mark.parametrize(
    "mode, said",
    [
        ("discriminative", ["frozen", "rate × 1/75", "rate × 1/15", "rate × 1/3", "new scale,\nshift refitted"]),
        ("frozen", ["frozen", "rate × 1/2", "same scale,\nshift refitted"]),
        ("non-discriminative", ["rate × 1", "new scale,\nshift refitted"]),
    ],
)
def test_rates_are_those_of_the_mode(mode, said):
    known = config(mode=mode)
    section = known.figures["scheme"]
    assert not checks.of_figure(known, "scheme", ROOT)
    table, figure = finetuning_scheme.draw({}, section.params(known) | {"title": ""}, STYLE)
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {one for one in texts if "rate" in one or "frozen" in one or "scale," in one} == {*said, "scale, shift"}
    assert set(table["part"]) == {"embedding", "layer 1", "layer 2", "readouts", "scale, shift"}


def test_mistakes():
    told = "\n".join(checks.of_figure(config(mode="slow", architecture="huge"), "scheme", ROOT))
    assert "figures.scheme.mode: got 'slow'" in told and "figures.scheme.architecture: got 'huge'" in told
