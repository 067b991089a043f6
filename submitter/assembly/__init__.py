"""Writes a submission tree from run folders, with the paths of `layout`.

The tree is built in a temporary folder beside its target and then renamed: it is there as a whole or not at all. The
run folders are not changed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from submitter.assembly.plan import AssemblyPlan, TreeBenchmark, check_plan
from submitter.assembly.replaced import require_assembled, require_unedited
from submitter.assembly.runs import truncated
from submitter.assembly.tree import DraftFiles, TreeBuilder
from submitter.errors import from_os_error, os_remedy
from submitter.layout import layout_of

__all__ = ["AssemblyPlan", "DraftFiles", "TreeBenchmark", "assemble", "draft", "truncated"]


def assemble(runs: Path, target: Path, *, plan: AssemblyPlan) -> Path:
    """Write the runs `<runs>/<system>/<benchmark>/<scenario>/<mode>/` as a tree of the plan's round to `target`.

    Returns `target`. A tree that was assembled there before is replaced as a whole. InputError if a run is not
    finished, was changed since, or belongs to another plan, if runs of one result contradict each other outside the
    open division, if a file is missing or still has a part to fill in, if `target` is not as it was assembled, or if a
    file cannot be read or written. RunError if the disk is full.
    After an error `target` is unchanged.
    """
    target = target.absolute()
    building, replaced = (target.with_name(f".{target.name}.{state}") for state in ("building", "replaced"))
    grammar = layout_of(plan.round)
    manifest = grammar.manifest(plan.division, plan.submitter)
    check_plan(plan)
    try:
        if replaced.exists() and not target.exists():
            replaced.rename(target)  # an earlier call was interrupted between its two renames
        require_assembled(target, manifest)
        for stale in (building, replaced):
            if stale.exists():
                shutil.rmtree(stale)
        building.mkdir(parents=True)
        try:
            builder = TreeBuilder(building, grammar, plan)
            builder.build(runs)
            require_unedited(target, manifest, builder.sources)
            if target.exists():
                target.rename(replaced)
            building.rename(target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
            if replaced.exists() and not target.exists():
                replaced.rename(target)
        shutil.rmtree(replaced, ignore_errors=True)
    except OSError as error:
        refused = from_os_error(error, target)
        hint = f"{os_remedy(error)}, and assemble again; no partial tree was left"
        raise type(refused)(f"the tree {target} could not be written: {refused.message}", hint) from None
    return target


def draft(target: Path, *, plan: AssemblyPlan) -> DraftFiles:
    """Write what exists of a tree, except the runs' files, to the new folder `target`. Documents may be unfinished.

    InputError if a document is a link or a special file.
    """
    return TreeBuilder(target, layout_of(plan.round), plan).draft()
