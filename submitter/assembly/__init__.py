"""Writes a submission tree from run folders, with the paths of `layout`.

The tree is built in a temporary folder beside its target and then renamed: it is there as a whole or not at all. The
run folders are not changed.
"""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from submitter.assembly.plan import AssemblyPlan, TreeBenchmark, check_plan
from submitter.assembly.tree import DraftFiles, TreeBuilder, truncated
from submitter.errors import InputError, RunError
from submitter.layout import layout_of
from submitter.manifest import Manifest

__all__ = ["AssemblyPlan", "DraftFiles", "TreeBenchmark", "assemble", "draft", "truncated"]


def assemble(runs: Path, target: Path, *, plan: AssemblyPlan) -> Path:
    """Write the runs `<runs>/<system>/<benchmark>/<scenario>/<mode>/` as a tree of the plan's round to `target`.

    Returns `target`. A tree that was assembled there before is replaced as a whole. InputError if a run is not
    finished, was changed since, or belongs to another plan, if a file is missing or still has a part to fill in, or if
    `target` holds a file that was not assembled. RunError if the tree cannot be written. After an error `target` is
    unchanged.
    """
    target = target.absolute()
    building, replaced = (target.with_name(f".{target.name}.{state}") for state in ("building", "replaced"))
    grammar = layout_of(plan.round)
    check_plan(plan)
    try:
        if replaced.exists() and not target.exists():
            replaced.rename(target)  # an earlier call was interrupted between its two renames
        _check_replaceable(target, grammar.manifest(plan.division, plan.submitter))
        for stale in (building, replaced):
            if stale.exists():
                shutil.rmtree(stale)
        building.mkdir(parents=True)
        try:
            TreeBuilder(building, grammar, plan).build(runs)
            if target.exists():
                target.rename(replaced)
            building.rename(target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
            if replaced.exists() and not target.exists():
                replaced.rename(target)
        shutil.rmtree(replaced, ignore_errors=True)
    except OSError as error:
        raise RunError(
            f"the tree {target} could not be written: {error.strerror or error} ({error.filename or target})",
            "free some space or choose another folder, and assemble again; no partial tree was left",
        ) from None
    return target


def draft(target: Path, *, plan: AssemblyPlan) -> DraftFiles:
    """Write what exists of a tree, except the runs' files, to the new folder `target`. Documents may be unfinished.

    InputError if a document is a link or a special file.
    """
    return TreeBuilder(target, layout_of(plan.round), plan).draft()


def _check_replaceable(target: Path, manifest_path: PurePosixPath) -> None:
    """InputError unless `target` is missing or empty, or holds nothing but an assembled tree."""
    if not target.exists() and not target.is_symlink():
        return
    hint = "move it away, or assemble into another folder"
    if target.is_symlink() or not target.is_dir():
        raise InputError(f"{target} exists and is not a folder", hint)
    if not any(target.iterdir()):
        return
    try:
        manifest = Manifest.model_validate_json((target / manifest_path).read_bytes())
    except (OSError, ValueError):
        raise InputError(
            f"{target} exists and has no {manifest_path}, so it was not assembled by submitter", hint
        ) from None
    assembled = {*manifest.files, str(manifest_path)}
    for path in sorted(target.rglob("*")):
        relative = path.relative_to(target).as_posix()
        if relative not in assembled and (path.is_symlink() or not path.is_dir()):
            raise InputError(f"{target} has the file {relative}, which was not assembled and would be lost", hint)
