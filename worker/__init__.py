"""Everything that needs torch: encoders, networks, objectives, the training loop, and the jobs."""

import os

# OpenMP threads that spin while they wait starve the other processes of a shared machine: encoding
# beside other work took four times as long. Must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
