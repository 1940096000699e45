"""A view of the record for TensorBoard; written from a thread of its own library, loaded only when a run begins."""

from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard import SummaryWriter

from marl_ppo.training.trainer import Progress

EVERY_SECONDS = 1.0
"""of training, between two points: an update may take milliseconds, and nobody reads a thousand points a second"""


class TensorBoard:
    """Writes a run's metrics under their own names, over world steps."""

    def __init__(self, folder: Path, *, resumed_at: int) -> None:
        """Points that an interrupted session wrote beyond `resumed_at` world steps are hidden: they come once more."""
        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=resumed_at + 1 if resumed_at else None)
        self._next = 0.0

    def write(self, progress: Progress) -> None:
        """Add one point per metric, unless the last one is younger than EVERY_SECONDS."""
        if progress.seconds < self._next:
            return
        self._next = progress.seconds + EVERY_SECONDS
        for name, value in progress.metrics.items():
            self._writer.add_scalar(name, value, progress.steps)

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._writer.close()
