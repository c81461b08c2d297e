"""Its section of the configuration."""

from typing import Literal

from mftl.config.levels import EngineLevel


class StandinLevel(EngineLevel):
    """An engine that misbehaves on request."""

    engine: Literal["standin"]
    log: str
    delay: float = 0.0
