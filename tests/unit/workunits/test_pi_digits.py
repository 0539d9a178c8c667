"""The digits of pi, against Machin's formula and against digits that others computed."""

from xml.etree import ElementTree

import pytest

from tests.unit.workunits.loading import unit_module

pi_digits = unit_module("pi_digits")


def machin(digits: int) -> str:
    """The first hexadecimal digits after the point by pi/4 = 4 arctan(1/5) - arctan(1/239)."""
    one = 1 << (4 * digits + 64)

    def arctan_of_inverse(x: int) -> int:
        total, power, n, sign = 0, one // x, 1, 1
        while power:
            total += sign * (power // n)
            power //= x * x
            n, sign = n + 2, -sign
        return total

    pi = 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239))
    return f"{(pi - 3 * one) >> 64:0{digits}x}"


@pytest.mark.parametrize(("start", "digits", "chunk"), [(0, 1500, 16), (0, 100, 1), (1000, 500, 333), (0, 1500, 1500)])
def test_digits(start: int, digits: int, chunk: int) -> None:
    """Any range in any chunks gives the digits that Machin's formula gives."""
    params = {"start": start, "digits": digits, "chunk": chunk}
    answer = pi_digits.reduce((pi_digits.run(payload) for payload in pi_digits.split(params)), params)
    assert answer == machin(start + digits)[start:]


def test_far_digits() -> None:
    """Digits far out are right, without computing those before."""
    assert pi_digits.run([29_990, 30]) == machin(30_020)[29_990:]


@pytest.mark.slow
def test_published_digits() -> None:
    """The digits from position 10**6 on are those that Bailey, Borwein and Plouffe published (26C65E52CB4593)."""
    assert pi_digits.run([999_999, 14]) == "26c65e52cb4593"


def test_parameters() -> None:
    """Parameters that make no sense are refused."""
    with pytest.raises(ValueError, match="at least"):
        list(pi_digits.split({"digits": 0}))


def test_show() -> None:
    """Each digit of a range is a bar; long ranges are cut; all of it is well-formed."""
    root = ElementTree.fromstring(pi_digits.show("243f6a88"))
    assert [node.text for node in root if node.tag.endswith("text")] == list("243f6a88")
    assert len(ElementTree.fromstring(pi_digits.show("0f" * 500))) == 64
