"""Systems: pools of structures, the levels of theory that label them."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from mftl import catalogue, engines, pools, registry
from mftl.config.base import Element, Name, Section
from mftl.config.levels import DatasetLevel, FileLevel, ReturnedLevel
from mftl.config.splits import Split

if TYPE_CHECKING:  # what it is depends on the plugs that are found
    from mftl.pools.base import Pool as AnyPool

    AnyLevel = Any
    DownloadName = str
else:
    DownloadName = Literal[*catalogue.FILES]
    AnyPool = registry.union(pools.sections(), pools.form)
    _READ = {"file": FileLevel, "outputs": ReturnedLevel, "dataset": DatasetLevel}
    AnyLevel = registry.union(_READ | engines.sections(), engines.form)


class System(Section):
    """A pool of structures from one region of configuration space, with its labels."""

    elements: list[Element] = Field(min_length=1, description="elements that a model started on this system knows")
    pool: AnyPool = Field(description="where the structures come from")
    levels: dict[Name, AnyLevel] = Field(description="levels of theory that label the pool")
    split: Split | None = Field(None, description="test and validation sets; needed to train on the system")


class Downloads(Section):
    """Where downloaded data sets and models lie."""

    folder: str = Field(
        "results/downloads", description="kept whatever happens to other results; files may be placed there by hand"
    )
    checksums: dict[DownloadName, Annotated[str, Field(pattern=r"^(md5|sha1|sha256):[0-9a-f]+$")]] = Field(
        {}, description="of single files, where the table has none or another one, e.g. {tungsten-gap2014: sha256:…}"
    )
