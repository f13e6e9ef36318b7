import unittest

from hello import greeting


class GreetingTest(unittest.TestCase):
    def test_greets_by_name(self):
        assert greeting("Ada") == "Hello, Ada!"

    def test_greets_the_world_without_a_name(self):
        assert greeting("") == "Hello, world!"
