"""How far a run has come, and when the search for its best model ends."""

from dataclasses import dataclass, field


@dataclass
class Progress:
    """How far a run has come, apart from its tensors."""

    epoch: int = 0
    step: int = 0
    validated_step: int = 0
    extra_validation: int = 0  # the epoch, if the last planned one was validated though none was due
    best_score: float = float("inf")
    best_epoch: int = 0
    validations_since_best: int = 0
    best_is_final: bool = False  # patience ran out, or all planned epochs are done
    history: list[dict] = field(default_factory=list)

    def is_best(self, score: float, patience: int) -> bool:
        """Whether the score of this epoch is the best so far; after ``patience`` others the best one is final."""
        if score < self.best_score:
            self.best_score, self.best_epoch, self.validations_since_best = score, self.epoch, 0
            return True
        self.validations_since_best += 1
        self.best_is_final = self.validations_since_best >= patience
        return False

    def plan_anew(self, planned_epochs: int, patience: int) -> None:
        """Reopen the search for the best epoch, if it ended with the epochs of an older, shorter plan."""
        if self.best_is_final and self.validations_since_best < patience:
            self.best_is_final = self.epoch >= planned_epochs

    def astray(self, planned_epochs: int, target: int, missing: list[int]) -> str | None:
        """Why this run does not lead to ``target`` epochs and the ``missing`` snapshots; None if it does."""
        if self.extra_validation not in (0, planned_epochs):
            return "was planned for another number of epochs"
        if missing or self.best_epoch > target:
            return f"went past epoch {min([*missing, target])}"
        return None
