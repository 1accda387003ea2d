"""The skip list, tried on a suite of its own."""

import pytest

pytest_plugins = ["pytester"]
SUITE = """
import pytest

def test_listed():
    pytest.skip("no such server here")

@pytest.mark.skip(reason="later")
def test_unlisted():
    pass

@pytest.mark.xfail(reason="known")
def test_expected_failure():
    assert False

def test_fine():
    pass
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    (pytester.path / "tests").mkdir()
    (pytester.path / "tests/test_suite.py").write_text(SUITE)
    (pytester.path / "tests/skips.txt").write_text("# kept\ntests/test_suite.py::test_listed # no server\n")
    return pytester


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    options = ["tests.plugins.skips", "no:cacheprovider", "no:hypothesispytest", "no:asyncio"]  # only what it takes
    return suite.runpytest(*(f"-p{option}" for option in options), *arguments)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_only_listed_skips_pass(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    result = run(suite, "tests", *workers)
    result.assert_outcomes(passed=1, skipped=1, errors=1, failed=1)
    result.stdout.fnmatch_lines(["*not listed in tests/skips.txt: Skipped: later*"])
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_module_that_skips_itself_must_be_listed(suite: pytest.Pytester) -> None:
    module = suite.path / "tests/test_module.py"
    module.write_text("import pytest\npytest.skip('not here', allow_module_level=True)\n")
    assert run(suite, str(module)).ret == pytest.ExitCode.INTERRUPTED
    with (suite.path / "tests/skips.txt").open("a") as listed:
        listed.write("tests/test_module.py # not here\n")
    assert run(suite, str(module)).ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("tests/test_suite.py::test_listed", "*skips.txt:1: say why*"),
        ("tests/test_gone.py::* # why", "*skips.txt:1: no such test file*"),
    ],
    ids=["no reason", "no such file"],
)
def test_a_bad_line_stops_the_run(suite: pytest.Pytester, line: str, complaint: str) -> None:
    (suite.path / "tests/skips.txt").write_text(line + "\n")
    result = run(suite, "tests")
    result.stderr.fnmatch_lines([complaint])
    assert result.ret == pytest.ExitCode.USAGE_ERROR
