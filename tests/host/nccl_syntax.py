#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""host/ranks/nccl_backend.cpp compiles against LibTorch's ProcessGroupNCCL, where the headers of CUDA's runtime and of NCCL are:
in LIBTRAINER_CUDA_HEADERS (folders, with colons between them), in CUDA's wheels beside torch, or in the CUDA toolkit. Neither a
GPU nor a LibTorch for one is needed: what else ATen's CUDA headers include has stand-ins here. Reads SOURCE, TORCH and CXX."""

import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE, TORCH = pathlib.Path(os.environ["SOURCE"]), pathlib.Path(os.environ["TORCH"])
NEEDED = ("nccl.h", "cuda_runtime.h", "crt/host_defines.h")
# Types of which the headers have handles.
STAND_INS = {
    "cublas_v2.h": "typedef struct cublasContext* cublasHandle_t; typedef int cublasStatus_t;",
    "cublasLt.h": "typedef struct cublasLtContext* cublasLtHandle_t;",
    "cusparse.h": "typedef struct cusparseContext* cusparseHandle_t; typedef int cusparseStatus_t;"
    " inline const char* cusparseGetErrorString(cusparseStatus_t) { return 0; }",
    "cusolver_common.h": "typedef int cusolverStatus_t;",
    "cusolverDn.h": "typedef struct cusolverDnContext* cusolverDnHandle_t; typedef int cusolverStatus_t;",
    "c10/cuda/impl/cuda_cmake_macros.h": "",
}


def folders():
    named = [pathlib.Path(folder) for folder in os.environ.get("LIBTRAINER_CUDA_HEADERS", "").split(":") if folder]
    beside = sorted(TORCH.parent.glob("nvidia/**/include"))
    return [folder for folder in [*named, *beside, pathlib.Path("/usr/local/cuda/include")] if folder.is_dir()]


def main():
    found = folders()
    missing = [name for name in NEEDED if not any((folder / name).is_file() for folder in found)]
    if missing:
        print(f"skipped: no {', '.join(missing)}")
        return 77
    with tempfile.TemporaryDirectory() as tmp:
        for name, text in STAND_INS.items():
            if any((folder / name).is_file() for folder in [*found, TORCH / "include"]):
                continue
            path = pathlib.Path(tmp, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"#pragma once\n{text}\n")
        includes = [SOURCE / "host" / "ranks" / "gloo", SOURCE / "host", SOURCE / "core" / "include"]
        system = [TORCH / "include", TORCH / "include/torch/csrc/api/include", *found, tmp]
        macros = ["USE_DISTRIBUTED", "USE_C10D_GLOO", "USE_C10D_NCCL", "LIBTRAINER_WITH_NCCL"]
        command = [os.environ["CXX"], "-std=c++20", "-fsyntax-only", *(f"-D{macro}" for macro in macros)]
        command += [f"-I{folder}" for folder in includes] + [f"-isystem{folder}" for folder in system]
        done = subprocess.run([*command, SOURCE / "host/ranks/nccl_backend.cpp"], capture_output=True, text=True)
    print("\n".join(line for line in done.stderr.splitlines() if "error" in line)[:4000])
    return 1 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
