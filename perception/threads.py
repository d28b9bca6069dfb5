"""How many threads PyTorch computes with on the CPU: sums are added in an order that depends on it."""


def fix_threads(count: int = 0) -> int:
    """Computes with so many threads from now on, no fewer when the machine is busy; returns how many.

    A checkpoint keeps the number, and what goes on from it asks for the same: to the bit it ends as it would have
    without the pause, on the same machine and with the same packages.

    Args:
        count: how many; 0: as many as PyTorch chose (the cores, or OMP_NUM_THREADS).
    """
    import torch

    torch.set_num_threads(count or torch.get_num_threads())  # also keeps MKL from choosing fewer
    return torch.get_num_threads()
