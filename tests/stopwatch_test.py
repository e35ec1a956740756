from tfcourse.run_directory.stopwatch import Stopwatch


def test_an_action_follows_the_first_lap_of_its_stage_alone():
    stopwatch, calls = Stopwatch(), []
    stopwatch.after("first", lambda: calls.append(list(stopwatch.seconds)))
    stopwatch.lap("zeroth")
    assert calls == []
    for stage in ("first", "second", "first"):
        stopwatch.lap(stage)
    assert calls == [["zeroth", "first"]]
