"""What the bench does with numbers, and the table it makes of them."""

import subprocess
import sys
import tempfile
import unittest

from measure import engine, pages, readme, report, samples
from measure.goals import Goal

ROW = {"name": "a", "value": 1.234, "unit": "×", "bound": 1.1, "at": "least", "ok": True, "n": 7, "low": 1.2,
       "high": 1.3}
HOST = {"cores": 2, "engine": "1", "kernel": "2"}
REPORT = {"what": "bench", "when": "2030-01-02T03:04:05Z", "host": HOST, "rows": [ROW]}


class Samples(unittest.TestCase):
    def test_a_ratio_is_the_median_of_the_rounds_own_ratios(self):
        found = samples.ratio([2, 40, 9], [1, 10, 2])  # 2, 4 and 4.5; of the medians it would be 4.5
        self.assertEqual((found["value"], found["n"]), (4, 3))

    def test_what_slows_both_of_a_round_does_not_show(self):
        found = samples.ratio([20, 2, 200], [10, 1, 100])
        self.assertEqual((found["low"], found["value"], found["high"]), (2, 2, 2))

    def test_the_interval_is_within_the_values_and_the_same_each_time(self):
        values = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 9.0]
        low, high = samples.bootstrap(values)
        self.assertEqual((low, high), samples.bootstrap(values))
        self.assertTrue(1.0 <= low < 1.3 < high <= 9.0)

    def test_rounds_without_a_partner_are_an_error(self):
        self.assertRaises(ValueError, samples.ratio, [1, 2], [1])


class Verdicts(unittest.TestCase):
    def test_the_whole_interval_must_meet_the_goal(self):
        goal = Goal("a", least=1.5)
        self.assertTrue(goal.met_by({"value": 2, "low": 1.5, "high": 3}))
        self.assertFalse(goal.met_by({"value": 2, "low": 1.4, "high": 3}))

    def test_at_most_looks_at_the_other_end(self):
        goal = Goal("a", most=1.1)
        self.assertTrue(goal.met_by({"value": 1, "low": 0.9, "high": 1.1}))
        self.assertFalse(goal.met_by({"value": 1, "low": 0.9, "high": 1.2}))

    def test_zero_is_allowed_and_one_is_not(self):
        self.assertTrue(Goal("a", most=0).met_by({"value": 0}))
        self.assertFalse(Goal("a", most=0).met_by({"value": 1}))

    def test_not_run_is_missed(self):
        self.assertFalse(Goal("a", least=1).met_by({"value": None}))

    def test_a_row_without_a_bound_is_neither(self):
        self.assertIsNone(Goal("a").met_by({"value": 1}))


class Tables(unittest.TestCase):
    def test_markdown_has_the_row_and_the_machine(self):
        table = report.markdown(REPORT)
        self.assertIn("| a | 1.23 × | 1.2 – 1.3 | ≥ 1.1 × | met |", table)
        self.assertIn("2030-01-02, 2 cores, Docker 1, Linux 2.", table)

    def test_a_missed_row_stays_with_its_number(self):
        self.assertIn("1.23 ×", report.text({**REPORT, "rows": [{**ROW, "ok": False}]}))
        self.assertIn("missed", report.text({**REPORT, "rows": [{**ROW, "ok": False}]}))

    def test_numbers(self):
        self.assertEqual([report.number(n) for n in (None, 0, 1.234, 12.34, 1234.5, 1e8)],
                         ["not run", "0", "1.23", "12.3", "1,234", "100,000,000"])

    def test_a_readme_without_markers_is_an_error(self):
        with tempfile.NamedTemporaryFile("w", suffix=".md") as readme:
            command = [sys.executable, "-m", "measure.readme", readme.name]
            done = subprocess.run(command, capture_output=True, check=False)
        self.assertNotEqual(done.returncode, 0)

    def test_what_was_made_once_stays_in_the_table_with_its_date(self):
        name = readme.MADE_ONCE[0]
        old, missing, newer = (f"| a | {n} |\n{name}<br><sub>{note}</sub> | {value} |\n"
                               for n, note, value in ((1, "run on 2030-01-01", 7), (2, "no long run yet", "not run"),
                                                      (3, "run on 2030-02-02", 9)))
        self.assertEqual(readme.keep_what_was_made_once(missing, old), missing.replace(missing.splitlines()[1],
                                                                                     old.splitlines()[1]))
        self.assertEqual(readme.keep_what_was_made_once(newer, old), newer)
        self.assertEqual(readme.keep_what_was_made_once(missing, missing), missing)


class Pages(unittest.TestCase):
    def test_where_two_pages_differ(self):
        self.assertEqual(pages.where("same A here", "same B here"), " from byte 5: 'B here' for 'A here'")
        self.assertEqual(pages.where("short", "short and more"), " from byte 5: ' and more' for ''")

    def test_request_ids_are_no_difference(self):
        first, second = ("<dd>" + digit * 32 + "</dd>" for digit in "ab")
        self.assertEqual(pages.BY_NATURE.sub("", first), pages.BY_NATURE.sub("", second))

    def test_what_the_cache_had_is_no_difference(self):
        first, second = (f"<dt>Cache</dt><dd>{had}</dd><dt>Node</dt><dd>a</dd>" for had in ("none", "miss"))
        self.assertEqual(pages.BY_NATURE.sub("", first), pages.BY_NATURE.sub("", second))
        self.assertNotEqual(pages.BY_NATURE.sub("", first), pages.BY_NATURE.sub("", first.replace("a<", "b<")))


class CpuTime(unittest.TestCase):
    """The figure everything rests on, against a load whose CPU time is known: Python counts its own."""

    NAME = "webstack-bench-cpu-test"
    BUSY = "import time\nwhile time.process_time() < 1: pass\nprint(time.process_time())"

    def setUp(self):
        engine.run("docker", "run", "--detach", "--rm", "--init", "--network", "none", "--name", self.NAME,
                   "webstack/bench-load")
        self.addCleanup(engine.run, "docker", "rm", "--force", self.NAME)

    def test_a_second_of_work_is_a_second(self):
        before = engine.cpu_us(self.NAME)
        spent = float(engine.run("docker", "exec", self.NAME, "python3", "-c", self.BUSY)) * 1e6
        told = engine.cpu_us(self.NAME) - before
        # docker exec starts a few processes of its own in the container.
        self.assertTrue(spent <= told * 1.02 and told <= spent * 1.15, f"{told:.0f} µs told, {spent:.0f} µs spent")


if __name__ == "__main__":
    unittest.main()
