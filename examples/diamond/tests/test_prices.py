import unittest

from service.prices import total


class PricesTest(unittest.TestCase):
    def test_adds_up(self) -> None:
        assert total({"apples": 3, "pears": 2}) == 230

    def test_empty_list_costs_nothing(self) -> None:
        assert total({}) == 0
