"""Which floating point numbers a trained network computes with."""

import torch


def compute_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it natively (twice as fast or more), else float32."""
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        native = bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
    return torch.bfloat16 if native else torch.float32
