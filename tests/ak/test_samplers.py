"""Every clip is drawn as often as it should, in an order that epoch and seed decide alone."""

from slowfast.ak.samplers import EpochSampler


def drawn(epoch=0, **changes):
    arguments = {"num_clips": 23, "shuffle": True, "seed": 1, "drop_last": True, "batch_size": 3}
    sampler = EpochSampler(**(arguments | changes))
    sampler.set_epoch(epoch)
    pairs = list(sampler)
    assert len(pairs) == len(sampler)
    assert {e for e, _ in pairs} <= {epoch}
    return [index for _, index in pairs]


def test_order_depends_on_epoch_and_seed_alone():
    assert drawn(epoch=3) == drawn(epoch=3)
    assert drawn(epoch=3) != drawn(epoch=4)
    assert drawn(epoch=3) != drawn(epoch=3, seed=2)
    assert drawn(shuffle=False, drop_last=False) == list(range(23))


def test_training_ranks_get_whole_batches_and_no_clip_twice():
    for world_size in (1, 2, 3):
        ranks = [drawn(rank=rank, world_size=world_size) for rank in range(world_size)]
        whole = 23 // (3 * world_size) * 3
        assert [len(rank) for rank in ranks] == [whole] * world_size
        every = [index for rank in ranks for index in rank]
        assert len(set(every)) == len(every)
    assert drawn(num_clips=5, batch_size=3, world_size=2) == []


def test_evaluation_sees_each_clip_once_over_all_ranks():
    for world_size in (1, 2, 3, 30):
        ranks = [
            drawn(shuffle=False, drop_last=False, rank=rank, world_size=world_size)
            for rank in range(world_size)
        ]
        assert sorted(index for rank in ranks for index in rank) == list(range(23))
        assert max(map(len, ranks)) - min(map(len, ranks)) <= 1


def test_no_clip_is_left_out_in_every_epoch():
    assert {
        index for epoch in range(10) for index in drawn(epoch, num_clips=10, batch_size=4)
    } == set(range(10))
