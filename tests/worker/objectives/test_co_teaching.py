"""Replicas that choose samples for each other."""

import torch

from tests.worker.objectives.building import a_batch, build


def test_without_noise_co_teaching_is_cross_entropy() -> None:
    objective = build("co_teaching", noise_rate=0.0)
    torch.testing.assert_close(objective(*a_batch()), build("cross_entropy")(*a_batch()))


def test_each_replica_keeps_what_its_partner_finds_easiest() -> None:
    batch = a_batch(n=6, replicas=2)
    plain = build("cross_entropy")(*batch)
    losses = build("co_teaching", noise_rate=1 / 3)(*batch)
    for replica, partner in ((0, 1), (1, 0)):
        easiest = plain[:, partner].argsort()[:4]
        wanted = torch.zeros(6, dtype=torch.float64)
        wanted[easiest] = plain[easiest, replica] * 6 / 4
        torch.testing.assert_close(losses[:, replica], wanted)


def test_a_replica_left_over_teaches_itself() -> None:
    batch = a_batch(n=4, replicas=3)
    losses = build("co_teaching", replicas=3, noise_rate=0.5)(*batch)
    plain = build("cross_entropy", replicas=3)(*batch)
    hardest = plain[:, 2].argsort()[2:]
    assert losses[hardest, 2].tolist() == [0.0, 0.0]


def test_the_share_left_out_rises() -> None:
    objective = build("co_teaching", noise_rate=0.4, ramp=0.2, epochs=20)
    seen = []
    for epoch in (0, 1, 2, 4, 9):
        objective.start_epoch(epoch)
        seen.append(round(objective.left_out, 6))
    assert seen == [0.0, 0.1, 0.2, 0.4, 0.4]
