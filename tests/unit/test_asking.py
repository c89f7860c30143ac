"""What learners met while something happened to the sandbox, summed up."""

from __future__ import annotations

from lib.asking import Asking, Met, Request


def requests(*times: float, status: int = 200) -> list[Request]:
    """Return a request for each time in milliseconds, one a second."""
    return [Request(float(second), "outline", status, ms, None) for second, ms in enumerate(times)]


def test_whatever_is_not_answered_with_200_has_failed():
    answered = [*requests(1.0), *requests(2.0, status=502), *requests(3.0, status=0)]
    assert Met.of(answered) == Met(requests=3, failed=2, p50=2.0, p95=2.9, worst=3.0)


def test_times_are_those_of_all_requests():
    met = Met.of(requests(*map(float, range(101))))
    assert (met.p50, met.p95, met.worst) == (50.0, 95.0, 100.0)
    assert Met.of([]) == Met(0, 0, 0.0, 0.0, 0.0)


def test_a_phase_has_the_requests_that_began_in_it():
    learners = Asking()
    learners.requests = requests(10, 20, 30, 40)
    assert [request.ms for request in learners.between(1, 3)] == [20, 30]
