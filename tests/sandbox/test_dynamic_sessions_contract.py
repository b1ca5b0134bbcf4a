"""What code may expect of a session on this machine it may expect of one in a pool: the same tests, a stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox import test_figures, test_notebook, test_sessions
from tests.sandbox.service import SANDBOX_PYTHON, Host
from tests.sandbox.test_figures import drawing

__all__ = ["drawing"]

LOCAL = {  # of what the kernel of this machine does, its limits, and the packages that are here
    "test_common_tools_of_analysis_work",
    "test_threads_between_runs_stand_still",
    "test_a_file_that_does_not_fit_is_refused_and_the_session_lives_on",
    "test_code_that_leaves_too_many_files_open_ends_its_session_and_the_next_run_works",
    "test_code_that_leaves_no_memory_ends_its_session_and_the_next_run_works",
    "test_memory_that_no_name_holds_any_more_costs_no_session",
    "test_a_keyboard_interrupt_of_the_code_s_own_is_an_exception_and_no_deadline",
}
ALSO = (
    test_figures.test_figures_come_at_show_and_at_the_end_and_are_then_closed,
    test_figures.test_the_same_drawing_arrives_once,
    test_figures.test_what_failed_code_had_begun_to_draw_never_comes_later,
    test_notebook.test_await_works_outside_of_functions_and_its_loop_lives_on,
    test_notebook.test_a_warning_names_a_line_of_the_code_or_no_place_at_all,
)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    if not SANDBOX_PYTHON.exists():
        pytest.skip("the sandbox's own environment is not here; `make test` builds it")
    service = Host.start(as_root=True, at_least="dynamic-sessions")
    assert service.isolation == "dynamic sessions of Azure Container Apps"
    yield service
    service.stop()


globals().update({name: test for name, test in vars(test_sessions).items() if name.startswith("test_")})
globals().update({test.__name__: test for test in ALSO})
for name in LOCAL:
    del globals()[name]
