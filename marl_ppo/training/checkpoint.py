"""Checkpoints: a folder of safetensors and one JSON, written under a temporary name, fsynced, renamed. Nothing is pickled.

checkpoints/000120/
    policies/NAME/{weights,optimizer,normalizer}.safetensors, and what else the policy's student learns
    play.safetensors     worlds, memories, open decisions, episode counters
    meta.json            format version, counters, and the sha256 of every file

A folder that was renamed is whole; a leftover temporary one is ignored and cleaned away by the next save.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from marl_ppo.errors import FileFormatError

FORMAT_VERSION = 1
Tensors = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything needed to go on, or to play."""

    counters: Mapping[str, Any]
    """update, steps, seconds, and whatever else JSON can hold"""
    files: Mapping[str, Tensors]
    """path inside the folder → tensors by name"""


def save_checkpoint(folder: Path, checkpoint: Checkpoint, *, keep: int) -> Path:
    """Write `folder`/UPDATE whole or not at all, then remove all but the newest `keep`. Returns its path."""
    final = write_folder(folder / f"{checkpoint.counters['update']:06d}", checkpoint)
    for old in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return final


def write_folder(final: Path, checkpoint: Checkpoint, texts: Mapping[str, str] | None = None) -> Path:
    """Write the folder `final` whole or not at all, with `texts` as files beside the tensors. Returns its path."""
    final.parent.mkdir(parents=True, exist_ok=True)
    for leftover in final.parent.glob(".writing-*"):
        shutil.rmtree(leftover)
    temporary = final.parent / f".writing-{final.name}"
    temporary.mkdir()
    digests = {}
    for path, tensors in checkpoint.files.items():
        file = temporary / path
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file({key: tensor.detach().contiguous().cpu() for key, tensor in tensors.items()}, file)
        _sync(file)
        digests[path] = _sha256(file)
    meta = {"format": FORMAT_VERSION, "counters": dict(checkpoint.counters), "sha256": digests}
    for path, text in {**(texts or {}), "meta.json": json.dumps(meta, indent=2)}.items():
        (temporary / path).write_text(text, encoding="utf-8")
        _sync(temporary / path)
    for directory in (*(p for p in temporary.rglob("*") if p.is_dir()), temporary):
        _sync(directory)
    if final.exists():
        shutil.rmtree(final)
    temporary.rename(final)
    _sync(final.parent)
    return final


def list_checkpoints(folder: Path) -> list[Path]:
    """The whole checkpoints in a run's `checkpoints` folder, oldest first."""
    whole = (path for path in folder.glob("[0-9]*") if path.name.isdigit() and (path / "meta.json").is_file())
    return sorted(whole, key=_update)


def set_newer_aside(folder: Path, update: int) -> None:
    """Rename the checkpoints after `update` to abandoned-UPDATE: a run goes on from there another way."""
    for path in list_checkpoints(folder):
        if _update(path) > update:
            aside = folder / f"abandoned-{path.name}"
            if aside.exists():
                shutil.rmtree(aside)
            path.rename(aside)


def read_meta(path: Path) -> dict[str, Any]:
    """The checkpoint's meta.json, checked for its format."""
    try:
        meta = json.loads((path / "meta.json").read_text())
    except (OSError, ValueError) as error:
        raise _damaged(path, f"meta.json cannot be read: {error}") from error
    if not isinstance(meta, dict) or not isinstance(meta.get("sha256"), dict) or not isinstance(meta.get("counters"), dict):
        raise _damaged(path, "meta.json lacks its counters or checksums")
    if meta.get("format") != FORMAT_VERSION:
        raise FileFormatError(
            f"checkpoint {path} has format {meta.get('format')!r}; this version of marl_ppo reads {FORMAT_VERSION}"
        )
    return meta


def load_checkpoint(path: Path, *, only: str = "") -> Checkpoint:
    """Read and verify a checkpoint; with `only`, just the files whose path starts with it.

    Raises FileFormatError, naming the file, the fault and the checkpoint before, when anything is not as it was written.
    """
    meta = read_meta(path)
    files: dict[str, dict[str, Tensor]] = {}
    for name, digest in meta["sha256"].items():
        if not name.startswith(only):
            continue
        file = path / name
        if not file.resolve().is_relative_to(path.resolve()) or not file.is_file():
            raise _damaged(path, f"{name} is missing")
        if _sha256(file) != digest:
            raise _damaged(path, f"{name} is not what was written: its sha256 differs")
        try:
            with safe_open(file, framework="pt") as opened:
                files[name] = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 - not a mapping
        except SafetensorError as error:
            raise _damaged(path, f"{name} is not a safetensors file: {error}") from error
    return Checkpoint(counters=meta["counters"], files=files)


def to_tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Copies of numpy arrays as tensors; uint64, which few tensor operations know, as the int64 of the same bits."""
    return {
        name: torch.from_numpy(array.view(np.int64).copy() if array.dtype == np.uint64 else array.copy())
        for name, array in arrays.items()
    }


def into_arrays(tensors: Tensors, arrays: Mapping[str, np.ndarray]) -> None:
    """The way back: write the tensors' bits into the arrays of the same names. Raises FileFormatError if they do not fit."""
    for name, array in arrays.items():
        saved = tensors.get(name)
        values = None if saved is None else saved.numpy()
        if values is not None and array.dtype == np.uint64:
            values = values.view(np.uint64)
        if values is None or values.shape != array.shape or values.dtype != array.dtype:
            raise FileFormatError(f"the checkpoint's {name!r} does not fit this run: was its config.toml changed?")
        array[...] = values


def _damaged(path: Path, fault: str) -> FileFormatError:
    older = [other for other in list_checkpoints(path.parent) if path.name.isdigit() and _update(other) < _update(path)]
    advice = f"The one before it is {older[-1]}." if older else "There is no older one beside it."
    return FileFormatError(f"checkpoint {path} is damaged: {fault}. {advice}")


def _update(checkpoint: Path) -> int:
    return int(checkpoint.name)


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sync(path: Path) -> None:
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
