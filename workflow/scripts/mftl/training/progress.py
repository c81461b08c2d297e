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
    longest_wait: int = 0  # validations between two best ones
    best_is_final: bool = False  # patience ran out, or all planned epochs are done
    searched_until: int = 0  # the epoch when it became so
    history: list[dict] = field(default_factory=list)

    def is_best(self, score: float, patience: int) -> bool:
        """Whether the score of this epoch is the best so far; after ``patience`` others the best one is final."""
        if score < self.best_score:
            self.longest_wait = max(self.longest_wait, self.validations_since_best)
            self.best_score, self.best_epoch, self.validations_since_best = score, self.epoch, 0
            return True
        self.validations_since_best += 1
        if self.validations_since_best >= patience:
            self.end_search()
        return False

    def end_search(self) -> None:
        """The best epoch so far is the best: further ones are for snapshots alone."""
        if not self.best_is_final:
            self.best_is_final, self.searched_until = True, self.epoch

    def plan_anew(self, planned_epochs: int, patience: int) -> None:
        """Reopen the search for the best epoch, if it ended with a plan of fewer epochs or less patience."""
        if self._reopens(planned_epochs, patience):
            self.best_is_final, self.searched_until = False, 0

    def astray(self, planned_epochs: int, patience: int, target: int, missing: list[int]) -> str | None:
        """Why this run does not lead to ``target`` epochs and the ``missing`` snapshots; None if it does."""
        if self.extra_validation not in (0, planned_epochs):
            return "was planned for another number of epochs"
        if missing or self.best_epoch > target:
            return f"went past epoch {min([*missing, target])}"
        waited = self.validations_since_best
        if self.longest_wait >= patience or waited > patience or (waited == patience and not self.best_is_final):
            return f"waited longer for a better model than {patience} validations"
        if self._reopens(planned_epochs, patience) and self.epoch > self.searched_until:
            return f"did not look for a better model after epoch {self.searched_until}"
        return None

    def _reopens(self, planned_epochs: int, patience: int) -> bool:
        return self.best_is_final and self.validations_since_best < patience and self.epoch < planned_epochs
