from tfcourse.tuning.silence import Silence


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_worker_is_silent_since_its_last_heartbeat():
    clock = Clock()
    silence = Silence(clock)
    assert not silence.is_due()
    seen = []
    for seconds, heartbeats in ((2.0, {"a": 1, "b": 1}), (3.0, {"a": 2, "b": 1}), (4.0, {"b": 1})):
        clock.now += seconds
        assert silence.is_due()
        seen.append(silence.of(heartbeats))
    assert seen == [{"a": 0.0, "b": 0.0}, {"a": 0.0, "b": 3.0}, {"b": 7.0}]


def test_a_driver_that_was_stopped_itself_blames_nobody():
    clock = Clock()
    silence = Silence(clock)
    silence.of({"a": 1})
    clock.now += 3600.0
    assert silence.of({"a": 1}) == {"a": 0.0}
    clock.now += 5.0
    assert silence.of({"a": 1}) == {"a": 5.0}
