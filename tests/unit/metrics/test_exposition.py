"""What an instance says at /metrics is read as far as it is of use; anything else is refused with its reason."""

import pytest

from agents.metrics.exposition import MAX_SERIES, Counter, NotMetrics, read_page

PAGE = """\
# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{version="v1",status="200",method="GET"} 90
http_requests_total{version="v1",status="200",method="POST"} 5
http_requests_total{version="v1",status="503",path="/a \\"b\\" c"} 5 1700000000000
http_requests_total_created{version="v1"} 1.7e9
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.1"} 7
http_request_duration_seconds_bucket{le="+Inf"} 1e1
http_request_duration_seconds_sum 3
process_resident_memory_bytes 2.5e7
process_start_time_seconds 1700000000.25
go_gc_duration_seconds{quantile="0"} NaN
"""


def test_families_of_the_built_in_metrics_are_read_and_no_others() -> None:
    page = read_page(PAGE)
    assert page.counters == {
        Counter("http_requests_total", "200"): 95,
        Counter("http_requests_total", "503"): 5,
        Counter("http_request_duration_seconds_bucket", "0.1"): 7,
        Counter("http_request_duration_seconds_bucket", "+Inf"): 10,
    }
    assert (page.memory, page.started_at) == (2.5e7, 1700000000.25)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "up 1\n", 'up{a="b"} 1\n'])
def test_page_without_these_families_is_sound(text: str) -> None:
    assert read_page(text).counters == {}


@pytest.mark.parametrize(
    "text",
    [
        "<!doctype html><html></html>",
        '{"status": "ok"}',
        "nothing to see",
        'http_requests_total{status="200} 5',
        "http_requests_total many",
        "http_requests_total NaN",
    ],
)
def test_what_is_no_metrics_is_refused(text: str) -> None:
    with pytest.raises(NotMetrics):
        read_page(text)


def test_page_with_too_many_series_is_refused() -> None:
    text = "\n".join(f'http_requests_total{{user="{number}"}} 1' for number in range(MAX_SERIES + 1))
    with pytest.raises(NotMetrics, match="10001 series"):
        read_page(text)
