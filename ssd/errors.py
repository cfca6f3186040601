"""Errors a user can cause: each says which file, which field, what value it has and what was expected."""

from pathlib import Path
from typing import Any


class UserError(ValueError):
    """Something outside the program is not as it must be; the command line prints it as one line.

    Args:
        message: what is wrong, in a few words.
        file: the file or folder it concerns.
        field: the part of the file, or the option, it concerns.
        value: what stands there.
        expected: what should.

    """

    def __init__(
        self,
        message: str,
        *,
        file: str | Path | None = None,
        field: str | None = None,
        value: Any = None,
        expected: str | None = None,
    ) -> None:
        self.message, self.file, self.field, self.value, self.expected = message, file, field, value, expected
        parts = [f"{file}: " if file is not None else "", f"{field}: " if field else "", message]
        parts += [f", got {value!r}" if value is not None else "", f"; expected {expected}" if expected else ""]
        super().__init__("".join(parts).replace("\n", " "))


class DataError(UserError):
    """A picture, an annotation or a dataset folder is missing, broken or at odds with the rest."""


class RecipeError(UserError):
    """A recipe or an option names something that does not exist or cannot work."""


class CheckpointError(UserError):
    """A checkpoint or a weights file is missing, broken or made for something else."""


class TrainingError(UserError):
    """Training cannot go on: the loss is no longer a finite number."""


class ExportError(UserError):
    """A network cannot be written in another format, or would not be what it is here."""
