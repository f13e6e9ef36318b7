import subprocess
import sys
import unittest


class CommandTest(unittest.TestCase):
    def test_prints_the_total(self) -> None:
        done = subprocess.run([sys.executable, "service", "apples=1"], capture_output=True, text=True, check=True)
        assert done.stdout == "total 0.30\n"
