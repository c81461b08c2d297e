"""How figures look."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.base import Name, Section

# colour, marker and line of each role. Colours: Paul Tol's bright and muted schemes, safe for the colour-blind
ROLES = {
    "single-fidelity": ("#4477aa", "o", "-"),
    "foundation": ("#ee6677", "s", "-"),
    "mftl": ("#228833", "D", "-"),
    "mftl-small": ("#88bb66", "v", "--"),
    "delta": ("#ccbb44", "^", "-"),
    "double": ("#66ccee", "P", "-"),
    "double-low": ("#888888", "X", "--"),
    "triple": ("#aa3377", "*", "-"),
    "transfer": ("#009988", "D", "-"),
    "multihead": ("#ee7733", "h", "-"),
    "level": ("#555555", "o", "-"),
    "gfn1-xtb": ("#44aa99", "<", "-"),
    "gfn2-xtb": ("#332288", ">", "-"),
}
OTHERS = [("#882255", "o", ":"), ("#117733", "s", ":"), ("#999933", "D", ":"), ("#88ccee", "v", ":"),
          ("#cc6677", "^", ":"), ("#555555", "P", ":")]  # of curves without a role, in turn  # fmt: skip

BARS = {  # what they are over besides, then come the seeds
    "interval": "95 % intervals over test structures and",
    "deviation": "standard deviations over",
    "standard-error": "standard errors of the mean over",
}
BarsName = Literal["interval", "deviation", "standard-error"]


class Plot(Section):
    """How figures look; no computation depends on it."""

    width: PositiveFloat = Field(7.0, description="inches: two columns of a page")
    height: PositiveFloat = Field(3.2, description="inches, of one row of panels")
    font_size: float = Field(9.0, ge=8, description="points; small print is one point smaller")
    dpi: PositiveInt = Field(200, description="of the PNG")
    error: Literal["rmse", "mae"] = Field("rmse", description="which error is drawn; the table holds both")
    bars: BarsName = Field(
        "interval", description="what error bars are; the last two know of seeds alone, not of the test set"
    )
    colors: dict[Name, Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")]] = Field(
        {}, description=f"of roles, instead of the built-in ones or besides them: {', '.join(ROLES)}"
    )
