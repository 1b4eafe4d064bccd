# SPDX-License-Identifier: Apache-2.0
"""The processors that a compiled step can be made for."""

import dataclasses
import platform
import re

import torch

from ._errors import ExportError


@dataclasses.dataclass(frozen=True)
class Target:
    machine: str  # as platform.machine() says it
    bits: int  # of a vector
    march: str  # for the compiler
    features: tuple  # that the code may use, as GCC's __builtin_cpu_supports has them


V3 = ("avx2", "bmi", "bmi2", "fma")
TARGETS = {
    "avx512": Target("x86_64", 512, "x86-64-v4", (*V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")),
    "avx2": Target("x86_64", 256, "x86-64-v3", V3),
    "neon": Target("aarch64", 128, "armv8-a", ()),
}


def native_target():
    """The widest that this machine has."""
    machine = platform.machine()
    if machine == "aarch64":
        return "neon"
    if machine == "x86_64" and torch.cpu._is_avx512_supported():
        return "avx512"
    if machine == "x86_64" and torch.cpu._is_avx2_supported():
        return "avx2"
    raise ExportError(
        f"compiled_step needs a processor with AVX2, AVX-512 or NEON, and this {machine} has none of them"
    )


def features(target):
    """Those of the target, and what Inductor asked the compiler for beside it."""
    from torch._inductor import config, cpu_vec_isa

    if any("SVE" in type(isa).__name__ for isa in cpu_vec_isa.valid_vec_isa_list()):
        raise ExportError("compiled_step is not made for processors with SVE, which this one has")
    with config.patch({"cpp.simdlen": target.bits}):
        isa = cpu_vec_isa.pick_vec_isa()
    if not isa:
        raise ExportError(
            "compiled_step needs a C++ compiler that makes vector code for this machine, g++ or the one that CXX names"
        )
    asked = re.findall(r"-m([a-z0-9]+)", isa.build_arch_flags()) if target.features else []
    # Each processor with AVX2 has F16C, and no compiler makes AMX of a loop by itself.
    return sorted({*target.features, *asked} - {"f16c", "amx"})
