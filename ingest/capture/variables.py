"""Which environment variables may change what a program makes? The front compiles the same table.

They are kept by name, so what is not listed is never read: nobody's secrets stand in a list of names.
"""

from __future__ import annotations

from typing import Final

VARIABLES: Final = frozenset(
    [
        "CC",
        "CFLAGS",
        "CONDA_DEFAULT_ENV",
        "CONDA_PREFIX",
        "CPPFLAGS",
        "CUBLAS_WORKSPACE_CONFIG",
        "CUDA_VISIBLE_DEVICES",
        "CXX",
        "CXXFLAGS",
        "GOFLAGS",
        "HF_HOME",
        "HIP_VISIBLE_DEVICES",
        "JAX_ENABLE_X64",
        "JAX_PLATFORMS",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "LC_NUMERIC",
        "LDFLAGS",
        "MAKEFLAGS",
        "MKL_CBWR",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NVIDIA_TF32_OVERRIDE",
        "NVIDIA_VISIBLE_DEVICES",
        "OMP_NUM_THREADS",
        "OPENBLAS_CORETYPE",
        "OPENBLAS_NUM_THREADS",
        "PYTHONHASHSEED",
        "PYTHONOPTIMIZE",
        "PYTORCH_CUDA_ALLOC_CONF",
        "R_LIBS",
        "ROCR_VISIBLE_DEVICES",
        "RUSTFLAGS",
        "SOURCE_DATE_EPOCH",
        "TF_CUDNN_DETERMINISTIC",
        "TF_DETERMINISTIC_OPS",
        "TOKENIZERS_PARALLELISM",
        "TORCH_HOME",
        "TZ",
        "VECLIB_MAXIMUM_THREADS",
        "VIRTUAL_ENV",
        "WORLD_SIZE",
        "XLA_FLAGS",
    ]
)
