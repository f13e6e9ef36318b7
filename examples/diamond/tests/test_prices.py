import unittest

from service.prices import total


class PricesTest(unittest.TestCase):
    def test_adds_up(self) -> None:
        self.assertEqual(total({"apples": 3, "pears": 2}), 230)

    def test_unknown_fruit_has_no_price(self) -> None:
        with self.assertRaises(KeyError):
            total({"plums": 1})
