"""`with` blocks: those that leave compiled code are refused before anything is compiled for them."""

from __future__ import annotations

from typing import Any

from numba.core import errors, ir
from numba.core.compiler_machinery import register_pass
from numba.core.ir_utils import find_outer_value, guard
from numba.core.untyped_passes import WithLifting
from numba.core.withcontexts import _ObjModeContextType


class _CompiledContexts(WithLifting):
    """Numba's pass, without object mode."""

    _name = "numzyme_with_lifting"

    def run_pass(self, state: Any) -> Any:
        for block in state.func_ir.blocks.values():
            for entry in block.find_insts(ir.EnterWith):
                if isinstance(_context_of(state.func_ir, entry), _ObjModeContextType):
                    raise errors.UnsupportedError("Python code runs here (objmode)", entry.loc)
        return super().run_pass(state)


def _context_of(func_ir: Any, entry: Any) -> Any:
    manager: Any = guard(lambda: func_ir.get_definition(entry.contextmanager))
    called = isinstance(manager, ir.Expr) and manager.op == "call"
    return guard(find_outer_value, func_ir, manager.func if called else entry.contextmanager)


CompiledContexts = register_pass(mutates_CFG=True, analysis_only=False)(_CompiledContexts)
