"""Numba's construction of SSA form, in time that grows with the length of a function instead of with its square.

Numba rewrites the whole function once for each variable with several definitions. Functions of objects have loops
unrolled and inlined, with thousands of such variables. Here only the blocks that mention a variable are rewritten for
it, by Numba's own steps.

Invariant: the result is Numba's, statement by statement.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Literal

from numba.core import ir, postproc, ssa
from numba.core.analysis import compute_cfg_from_blocks
from numba.core.compiler_machinery import register_pass
from numba.core.ir_utils import build_definitions
from numba.core.untyped_passes import ReconstructSSA as NumbasPass

_numba: Any = ssa  # its steps have no public names


def reconstruct_ssa(func_ir: Any) -> Any:
    """`func_ir` itself, its blocks in SSA form."""
    blocks = dict(func_ir.blocks)
    if blocks:
        cfg = compute_cfg_from_blocks(blocks)
        frontiers = _numba._iterated_domfronts(cfg)
        read = _numba._CacheListVars()
        mentions = _blocks_by_variable(blocks)
        for name in _numba._find_defs_violators(blocks, cfg):
            _rewrite(blocks, name, mentions[name], cfg, frontiers, read)
    func_ir.blocks = blocks
    return func_ir


def _blocks_by_variable(blocks: dict[int, Any]) -> dict[str, list[int]]:
    found: dict[str, dict[int, None]] = defaultdict(dict)
    for label, block in blocks.items():
        for statement in block.body:
            for variable in statement.list_vars():
                found[variable.name][label] = None
            if isinstance(statement, ir.Assign):
                found[statement.target.name][label] = None
    return {name: list(labels) for name, labels in found.items()}


def _rewrite(blocks: dict[int, Any], name: str, labels: list[int], cfg: Any, frontiers: Any, read: Any) -> None:
    """Give every definition of a variable its own name, and every use the name of the definition that reaches it."""
    renamed, definitions = _numba._fresh_vars({label: blocks[label] for label in labels}, name)
    states = {
        "scope": _numba._get_scope(blocks),
        "varname": name,
        "defmap": definitions,
        "phimap": defaultdict(list),
        "cfg": cfg,
        "phi_locations": _numba._compute_phi_locations(frontiers, definitions),
    }
    blocks.update(_numba._run_block_rewrite(renamed, states, _numba._FixSSAVars(read)))
    for label, phis in states["phimap"].items():
        if phis:
            joined = ir.Block(scope=blocks[label].scope, loc=blocks[label].loc)
            joined.body = phis + blocks[label].body
            blocks[label] = joined


class ReconstructSSA(NumbasPass):
    """Numba's pass with the construction above."""

    _name = "numzyme_reconstruct_ssa"

    def run_pass(self, state: Any) -> Literal[True]:
        state.func_ir = reconstruct_ssa(state.func_ir)
        self._patch_locals(state)
        state.func_ir._definitions = build_definitions(state.func_ir.blocks)
        postproc.PostProcessor(state.func_ir).run(emit_dels=False)
        return True


register_pass(mutates_CFG=False, analysis_only=False)(ReconstructSSA)
